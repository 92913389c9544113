"""What a caller learns of an error, and what it never learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import grpc
import psycopg
import pytest
import sqlalchemy.exc
from google.protobuf.duration_pb2 import Duration
from tandem.ops.v1 import operations_service_pb2 as pb
from tandem.ops.v1 import operations_service_pb2_grpc as wire
from tandem_core.errors import DomainError, NotFound
from tandem_platform import error_details
from tandem_platform.error_table import error_entries, error_entry, to_status
from tandem_platform.remote_error import RemoteError
from tandem_testing.grpc_wire import serve_in_process

from .operations_double import Operations

SECRET = "password=hunter2 at row 17"


async def error_of(raised: BaseException) -> RemoteError:
    async def fail() -> None:
        raise raised

    async with serve_in_process([Operations(fail)]) as channel:
        stub = wire.OperationsServiceStub(channel)
        with pytest.raises(RemoteError) as caught:
            await stub.GetServiceStatus(pb.GetServiceStatusRequest())
    return caught.value


@dataclass(eq=False)
class Closed(DomainError):
    reason: ClassVar[str] = "DEAD_LETTER_CLOSED"
    dead_letter_id: str
    state: str


@dataclass(eq=False)
class ClosedLately(Closed):
    pass


async def test_an_unmapped_exception_leaks_no_text() -> None:
    error = await error_of(RuntimeError(SECRET))
    assert error.code is grpc.StatusCode.INTERNAL
    assert error.reason == "INTERNAL"
    assert "hunter2" not in f"{error.message} {error.metadata} {error.details}"


async def test_a_domain_error_with_an_undocumented_reason_leaks_no_text() -> None:
    class Undocumented(DomainError):
        reason = "NOBODY_WROTE_THIS_DOWN"

        def __str__(self) -> str:
            return SECRET

    error = await error_of(Undocumented())
    assert error.reason == "INTERNAL"
    assert "hunter2" not in error.message


async def test_an_rpc_a_service_does_not_serve_is_unimplemented() -> None:
    async with serve_in_process([Operations(never)]) as channel:
        stub = wire.OperationsServiceStub(channel)
        with pytest.raises(RemoteError) as caught:
            await stub.ListDeadLetters(pb.ListDeadLettersRequest())
    assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.reason == "UNIMPLEMENTED"


async def never() -> None:
    raise AssertionError("not called")


async def test_a_typed_error_survives_the_trip_with_its_fields() -> None:
    error = await error_of(NotFound("order", "o-1"))
    assert error.code is grpc.StatusCode.NOT_FOUND
    assert (error.reason, error.metadata) == ("NOT_FOUND", {"resource": "order", "id": "o-1"})
    assert not error.retryable


async def test_registered_details_of_an_error_and_its_subtypes_travel_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(error_details, "_registered", {})
    error_details.register(Closed, lambda closed: [Duration(seconds=len(closed.state))])
    error = await error_of(ClosedLately("d-1", "RESOLVED"))
    assert error.reason == "DEAD_LETTER_CLOSED"
    assert error.detail(Duration) == Duration(seconds=8)


async def test_an_error_of_a_peer_is_passed_on_as_it_is() -> None:
    async def fail() -> None:
        raise NotFound("sku", "s-1")

    async with serve_in_process([Operations(fail)]) as inner:
        stub = wire.OperationsServiceStub(inner)

        async def forward() -> object:
            return await stub.GetServiceStatus(pb.GetServiceStatusRequest())

        async with serve_in_process([Operations(forward)]) as outer:
            through = wire.OperationsServiceStub(outer)
            with pytest.raises(RemoteError) as caught:
                await through.GetServiceStatus(pb.GetServiceStatusRequest())
    assert caught.value.metadata == {"resource": "sku", "id": "s-1"}


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED]
)
async def test_a_peer_refusing_our_own_credentials_is_not_blamed_on_the_caller(
    code: grpc.StatusCode,
) -> None:
    error = await error_of(RemoteError(code, "no", reason=code.name))
    assert error.reason == "INTERNAL"


async def test_an_unreachable_peer_is_retryable() -> None:
    error = await error_of(RemoteError(grpc.StatusCode.UNAVAILABLE, "connect failed"))
    assert error.reason == "UNAVAILABLE"
    assert error.retryable
    assert "connect failed" not in error.message


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (psycopg.OperationalError("down"), "UNAVAILABLE"),
        (psycopg.errors.DeadlockDetected("again"), "UNAVAILABLE"),
        (psycopg.errors.QueryCanceled("late"), "DEADLINE_EXCEEDED"),
        (psycopg.errors.UniqueViolation("twice"), "INTERNAL"),
    ],
)
def test_faults_of_the_store_that_pass_are_retryable(cause: Exception, reason: str) -> None:
    error = sqlalchemy.exc.DBAPIError("select secret", {}, cause)
    status = to_status(error)
    assert status.code == error_entries()[reason].code.value[0]
    assert "secret" not in status.message


def test_every_documented_reason_has_code_http_status_title_and_description() -> None:
    for entry in error_entries().values():
        assert entry.code is not grpc.StatusCode.OK, entry
        assert 400 <= entry.http_status < 600, entry
        assert entry.title, entry
        assert entry.description, entry


def test_an_unknown_reason_has_no_entry() -> None:
    assert error_entry("NOBODY_WROTE_THIS_DOWN") is None
