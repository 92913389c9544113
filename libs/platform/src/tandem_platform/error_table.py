"""From an exception to ``google.rpc.Status``: the one table, read from the contracts.

Every ``ErrorReason`` enum declares code, HTTP status, retryable and title beside the reason.
What is not in the table leaves as INTERNAL without any text from inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor_pb2 import EnumDescriptorProto
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from tandem.options.v1 import error_pb2
from tandem_core.errors import DomainError, ValidationFailed

from tandem_platform import error_details
from tandem_platform.method_table import PACKAGE_PREFIX, contract_image
from tandem_platform.remote_error import RemoteError
from tandem_platform.store_errors import reason_of_store_error

DOMAIN = "tandem.dev"
RETRY_AFTER_S_DEFAULT = 1.0
REASON_PREFIX = "ERROR_REASON_"
INTERNAL = "INTERNAL"

# A peer refusing *our* credentials, or failing inside, is no fault of our caller: it must not
# read "unauthenticated" and throw its own good key away.
_NOT_PASSED_ON = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DATA_LOSS,
    }
)


@dataclass(frozen=True)
class ErrorEntry:
    """How one reason travels; ``description`` is the comment of the contract."""

    reason: str
    area: str
    code: grpc.StatusCode
    http_status: int
    retryable: bool
    title: str
    description: str = ""


def error_entry(reason: str) -> ErrorEntry | None:
    """The entry of a reason; None for one the contracts do not know."""
    return error_entries().get(reason)


@cache
def error_entries() -> dict[str, ErrorEntry]:
    """Every documented reason. Raises ValueError when two areas declare the same one."""
    entries: dict[str, ErrorEntry] = {}
    for entry in _read_all():
        if entry.reason in entries:
            raise ValueError(f"reason {entry.reason} is declared twice")
        entries[entry.reason] = entry
    return entries


def _read_all() -> Iterator[ErrorEntry]:
    for file in contract_image().file:
        if not file.package.startswith(PACKAGE_PREFIX):
            continue
        comments = {tuple(c.path): c.leading_comments for c in file.source_code_info.location}
        for index, enum in enumerate(file.enum_type):
            if enum.name == "ErrorReason":
                yield from _read_enum(file.package, enum, comments, index)


def _read_enum(
    package: str, enum: EnumDescriptorProto, comments: dict[tuple[int, ...], str], index: int
) -> Iterator[ErrorEntry]:
    for position, value in enumerate(enum.value):
        if value.number == 0:
            continue
        declared = value.options.Extensions[error_pb2.error]
        code = grpc_code(declared.code)
        yield ErrorEntry(
            reason=value.name.removeprefix(REASON_PREFIX),
            area=package.split(".")[1],
            code=code,
            http_status=declared.http_status or HTTP_STATUS[code],
            retryable=declared.retryable,
            title=declared.title,
            # Paths of the descriptor format: file.enum_type is field 5, enum.value is field 2.
            description=comments.get((5, index, 2, position), "").strip(),
        )


def to_status(error: BaseException) -> status_pb2.Status:
    """The status sent for an exception, with its details."""
    if isinstance(error, RemoteError):
        return _passed_on(error)
    reason = error.reason if isinstance(error, DomainError) else _reason_of_fault(error)
    entry = error_entry(reason) if reason else None
    if entry is None or not isinstance(error, DomainError):
        entry = entry or error_entries()[INTERNAL]
        return build_status(entry, entry.title, {})
    status = build_status(entry, _message(error, entry), error.metadata(), retry_after(error))
    if isinstance(error, ValidationFailed):
        _attach(status, bad_request(error))
    for detail in error_details.details_of(error):
        _attach(status, detail)
    return status


def _reason_of_fault(error: BaseException) -> str:
    # What a generated servicer raises for an rpc its subclass does not serve.
    return (
        "UNIMPLEMENTED" if isinstance(error, NotImplementedError) else reason_of_store_error(error)
    )


def _message(error: DomainError, entry: ErrorEntry) -> str:
    """The error's own words; its reason is not repeated, since ErrorInfo carries it."""
    said = str(error).removeprefix(entry.reason).removeprefix(": ")
    return f"{entry.title}: {said}" if said else entry.title


def build_status(
    entry: ErrorEntry,
    message: str,
    metadata: dict[str, str],
    retry_after_s: float = RETRY_AFTER_S_DEFAULT,
) -> status_pb2.Status:
    """A status with ErrorInfo, and RetryInfo when the reason is retryable."""
    status = status_pb2.Status(code=entry.code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=entry.reason, domain=DOMAIN, metadata=metadata)
    _attach(status, info)
    if entry.retryable:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(retry_after_s * 1000))
        _attach(status, retry)
    return status


def retry_after(error: BaseException) -> float:
    """Seconds an error asks to wait; errors that know better carry ``retry_after_s``."""
    return float(getattr(error, "retry_after_s", None) or RETRY_AFTER_S_DEFAULT)


def bad_request(error: ValidationFailed) -> error_details_pb2.BadRequest:
    """Names each broken field; ``reason`` of a violation is the rule."""
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=violation.field, description=violation.description, reason=violation.rule
            )
            for violation in error.violations
        ]
    )


def _passed_on(error: RemoteError) -> status_pb2.Status:
    if error.code in _NOT_PASSED_ON:
        entry = error_entries()[INTERNAL]
        return build_status(entry, entry.title, {})
    if not error.reason:
        late = error.code is grpc.StatusCode.DEADLINE_EXCEEDED
        entry = error_entries()["DEADLINE_EXCEEDED" if late else "UNAVAILABLE"]
        return build_status(entry, entry.title, {})
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    status.details.extend(error.details)
    return status


def _attach(status: status_pb2.Status, detail: Message) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def grpc_code(number: int) -> grpc.StatusCode:
    """The grpc code of a ``google.rpc.Code`` number; UNKNOWN for numbers grpc does not have."""
    return _CODES.get(number, grpc.StatusCode.UNKNOWN)


_CODES = {code.value[0]: code for code in grpc.StatusCode}

# The usual mapping of google.rpc.Code, used when a reason names no HTTP status of its own.
HTTP_STATUS = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
}
