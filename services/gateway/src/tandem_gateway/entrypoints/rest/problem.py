"""RFC 9457 problem documents: the one form in which this door says no."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2
from starlette.responses import Response
from tandem_platform import telemetry
from tandem_platform.error_table import (
    DOMAIN,
    HTTP_STATUS,
    ErrorEntry,
    error_entries,
    error_entry,
    to_status,
)
from tandem_platform.remote_error import RemoteError
from tandem_platform.store_errors import reason_of_store_error

from tandem_gateway.domain.errors import MethodNotAllowed
from tandem_gateway.entrypoints.rest.dynamic_messages import contract_pool

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = f"https://{DOMAIN}/problems/"
_STATUSES_WITH_RETRY_AFTER = (429, 503)
# Told in their own members of the document, or by headers.
_UNFOLDED = {
    error_details_pb2.ErrorInfo.DESCRIPTOR.full_name,
    error_details_pb2.BadRequest.DESCRIPTOR.full_name,
    error_details_pb2.RetryInfo.DESCRIPTOR.full_name,
    error_details_pb2.DebugInfo.DESCRIPTOR.full_name,
}


def problem_response(error: Exception, *, instance: str) -> Response:
    """The answer for any exception; text from inside never leaves."""
    remote = as_remote(error)
    entry = _entry(remote)
    body = {
        "type": f"{TYPE_BASE}{entry.reason}",
        "title": entry.title,
        "status": entry.http_status,
        "detail": remote.message,
        "instance": instance,
        "trace_id": telemetry.current_trace_id(),
        "reason": entry.reason,
    }
    body |= {"metadata": remote.metadata} if remote.metadata else {}
    body |= _errors(remote) | _details(remote)
    return Response(
        json.dumps(body, ensure_ascii=False),
        status_code=entry.http_status,
        headers=_headers(error, remote, entry.http_status),
        media_type=MEDIA_TYPE,
    )


def as_remote(error: Exception) -> RemoteError:
    """The error as a peer would have told it, so that own errors and theirs look the same."""
    if isinstance(error, RemoteError):
        # A service refusing the gateway's own token is our fault, not that of the key.
        ours = error.code is grpc.StatusCode.INTERNAL or error.reason == "UNAUTHENTICATED"
        if error.reason and not ours:
            return error
        late = error.code is grpc.StatusCode.DEADLINE_EXCEEDED
        absent = error.code is grpc.StatusCode.UNAVAILABLE
        reason = "DEADLINE_EXCEEDED" if late else "UNAVAILABLE" if absent else "INTERNAL"
        entry = error_entries()[reason]
        return RemoteError(entry.code, entry.title, reason=reason)
    status = to_status(error)
    info = error_details_pb2.ErrorInfo()
    for packed in status.details:
        if packed.Unpack(info):
            break
    entry_of_info = error_entries()[info.reason]
    return RemoteError(
        entry_of_info.code,
        status.message,
        reason=info.reason,
        metadata=info.metadata,
        details=status.details,
    )


def is_our_fault(error: Exception) -> bool:
    """True for what must be looked at: errors nobody foresaw."""
    return as_remote(error).reason == "INTERNAL" and not reason_of_store_error(error)


def _entry(remote: RemoteError) -> ErrorEntry:
    """The documented entry; a reason of a newer service gets the usual mapping of its code."""
    return error_entry(remote.reason) or ErrorEntry(
        reason=remote.reason,
        area="",
        code=remote.code,
        http_status=HTTP_STATUS[remote.code],
        retryable=False,
        title=remote.code.name.replace("_", " ").capitalize(),
    )


def _errors(remote: RemoteError) -> dict[str, Any]:
    violations = [
        {"pointer": pointer(v.field), "detail": v.description, "rule": v.reason}
        for v in remote.violations
    ]
    return {"errors": violations} if violations else {}


def _details(remote: RemoteError) -> dict[str, Any]:
    shown = [_detail(packed) for packed in remote.details if _is_shown(packed)]
    return {"details": shown} if shown else {}


def _is_shown(packed: AnyMessage) -> bool:
    name = packed.TypeName()
    if name in _UNFOLDED:
        return False
    try:
        contract_pool().FindMessageTypeByName(name)
    except KeyError:
        return False
    return True


def _detail(packed: AnyMessage) -> dict[str, Any]:
    shown: dict[str, Any] = json_format.MessageToDict(packed, descriptor_pool=contract_pool())
    return shown


def _headers(error: Exception, remote: RemoteError, status: int) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allow.replace(",", ", ")
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tandem"'
    if status in _STATUSES_WITH_RETRY_AFTER:
        headers["Retry-After"] = str(max(1, math.ceil(remote.retry_after_s or 1)))
    return headers


def pointer(field: str) -> str:
    """A JSON pointer (RFC 6901) from a proto path: ``lines[0].unit_price`` as written in JSON."""
    tokens = re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)', field)
    parts = [key or index or _json_name(name) for key, index, name in tokens]
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)


def _json_name(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)
