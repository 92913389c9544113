"""The steps around rpcs that stream, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from tandem.inventory.v1 import availability_service_pb2 as pb
from tandem.inventory.v1.availability_service_pb2_grpc import (
    AvailabilityServiceServicer,
    AvailabilityServiceStub,
)
from tandem_core.errors import NotFound
from tandem_platform.remote_error import RemoteError
from tandem_platform.settings import ServiceSettings
from tandem_testing.grpc_wire import SERVICE, caller, serve_in_process

ASKED = pb.BatchGetAvailabilityRequest(skus=["TEE"])


class Streaming(AvailabilityServiceServicer):
    """Answers with what a test makes of the request."""

    def __init__(self, answers: Callable[[], AsyncIterator[int]]) -> None:
        self._answers = answers
        self.ended = asyncio.Event()

    async def BatchGetAvailability(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """One message for each number."""
        try:
            async for number in self._answers():
                yield pb.BatchGetAvailabilityResponse(
                    availabilities=[pb.Availability(available=number)]
                )
        finally:
            self.ended.set()


async def three() -> AsyncIterator[int]:
    for number in (1, 2, 3):
        yield number


async def endless() -> AsyncIterator[int]:
    number = 0
    while True:
        yield (number := number + 1)
        await asyncio.sleep(0)


async def broken() -> AsyncIterator[int]:
    yield 1
    raise NotFound("sku", "TEE")


async def numbers(stream: Any) -> list[int]:
    return [message.availabilities[0].available async for message in stream]


async def test_a_stream_brings_its_messages_in_order_and_ends() -> None:
    async with serve_in_process([Streaming(three)]) as channel:
        stub = AvailabilityServiceStub(channel)
        assert await numbers(stub.BatchGetAvailability(ASKED)) == [1, 2, 3]


async def test_a_failure_within_a_stream_is_told_with_its_reason() -> None:
    async with serve_in_process([Streaming(broken)]) as channel:
        stream = aiter(AvailabilityServiceStub(channel).BatchGetAvailability(ASKED))
        assert (await anext(stream)).availabilities[0].available == 1
        with pytest.raises(RemoteError) as failed:
            await anext(stream)
    assert (failed.value.code, failed.value.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


@pytest.mark.parametrize(
    ("asked", "scopes", "reason"),
    [
        (pb.BatchGetAvailabilityRequest(), None, "VALIDATION_FAILED"),
        (ASKED, {"order:read"}, "PERMISSION_DENIED"),
    ],
)
async def test_a_stream_is_not_opened_for_a_bad_request_or_caller(
    asked: Any, scopes: set[str] | None, reason: str
) -> None:
    async with serve_in_process([Streaming(three)], calling_as=caller(scopes=scopes)) as channel:
        with pytest.raises(RemoteError) as failed:
            await numbers(AvailabilityServiceStub(channel).BatchGetAvailability(asked))
    assert failed.value.reason == reason


async def test_a_client_that_leaves_ends_the_servicer_and_frees_the_place() -> None:
    settings = ServiceSettings(
        service_name=SERVICE,
        drain_wait_ms=0,
        drain_grace_ms=1_000,
        grpc_port=0,
        in_flight_stream_max=1,
        admission_queue_calls_max=0,
    )
    servicer = Streaming(endless)
    async with serve_in_process([servicer], settings=settings) as channel:
        stub = AvailabilityServiceStub(channel)
        first = stub.BatchGetAvailability(ASKED)
        async for _ in first:
            break
        first.cancel()
        await asyncio.wait_for(servicer.ended.wait(), 5)
        async for message in stub.BatchGetAvailability(ASKED):
            assert message.availabilities[0].available == 1
            break


async def test_streams_do_not_take_the_places_of_short_calls_and_are_bounded() -> None:
    settings = ServiceSettings(
        service_name=SERVICE,
        drain_wait_ms=0,
        drain_grace_ms=1_000,
        grpc_port=0,
        in_flight_stream_max=1,
        in_flight_query_max=1,
        admission_queue_calls_max=0,
    )
    async with serve_in_process([Streaming(endless)], settings=settings) as channel:
        stub = AvailabilityServiceStub(channel)
        first = aiter(stub.BatchGetAvailability(ASKED))
        await anext(first)
        with pytest.raises(RemoteError) as refused:
            await numbers(stub.BatchGetAvailability(ASKED))
        assert refused.value.reason == "OVERLOADED"
        with pytest.raises(RemoteError) as unserved:
            await stub.GetAvailability(pb.GetAvailabilityRequest(skus=["TEE"]))
        assert unserved.value.code is grpc.StatusCode.UNIMPLEMENTED
        await first.aclose()
