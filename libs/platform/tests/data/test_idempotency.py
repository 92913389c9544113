"""Idempotent writes: one effect per request id, also when calls race or share a batch."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from tandem.ops.v1 import operations_service_pb2 as pb
from tandem_core.clock import FixedClock
from tandem_core.errors import NotFound, ValidationFailed
from tandem_platform import request_context
from tandem_platform.idempotency import (
    BatchRequest,
    Claimed,
    IdempotencyKey,
    IdempotentWrites,
    Replayed,
    RequestIdReused,
    SameAs,
    claim_batch,
    request_hash,
    store_batch,
)
from tandem_platform.request_context import Caller
from tandem_platform.unit_of_work import UnitOfWork

from .conftest import Databases
from .harness import Producer, producing, scalar

METHOD = "tandem.ops.v1.OperationsService/ReplayEvents"


@pytest.fixture
async def producer(databases: Databases) -> AsyncIterator[Producer]:
    async with producing(databases.new(), None) as made:
        yield made


def write(note: str = "", request_id: str | None = None) -> pb.ReplayEventsRequest:
    return pb.ReplayEventsRequest(request_id=request_id or str(uuid.uuid4()), aggregate_id=note)


def effect_of(request: pb.ReplayEventsRequest):  # noqa: ANN201
    async def effect(uow: UnitOfWork) -> pb.ReplayEventsResponse:
        await uow.connection.execute(
            text("INSERT INTO effect (id, value) VALUES (:id, :value)"),
            {"id": str(uuid.uuid4()), "value": request.aggregate_id},
        )
        return pb.ReplayEventsResponse(matched_events=42)

    return effect


async def run(writes: IdempotentWrites, request: pb.ReplayEventsRequest) -> dict[str, str]:
    """Runs one write as an rpc would; returns its trailing metadata."""
    trailing = request_context.begin_rpc(METHOD)
    request_context.set_caller(Caller("shop", "acme"))
    response = await writes.run(request, effect_of(request))
    assert response == pb.ReplayEventsResponse(matched_events=42)
    return trailing


async def effects(producer: Producer) -> int:
    return await scalar(producer.database, "SELECT count(*) FROM effect")


async def test_a_repeat_gets_the_first_answer_and_no_second_effect(
    producer: Producer, clock: FixedClock
) -> None:
    writes, request = IdempotentWrites(producer.units, clock), write("a")
    assert await run(writes, request) == {}
    assert await run(writes, request) == {"tandem-replayed": "true"}
    assert await effects(producer) == 1


async def test_the_same_id_with_another_body_is_refused(
    producer: Producer, clock: FixedClock
) -> None:
    writes, request = IdempotentWrites(producer.units, clock), write("a")
    await run(writes, request)
    with pytest.raises(RequestIdReused) as refused:
        await run(writes, write("b", request.request_id))
    assert refused.value.metadata() == {"request_id": request.request_id, "method": METHOD}
    assert await effects(producer) == 1


async def test_ten_calls_at_once_with_one_id_have_one_effect(
    producer: Producer, clock: FixedClock
) -> None:
    writes, request = IdempotentWrites(producer.units, clock), write("a")
    answers = await asyncio.gather(*(asyncio.create_task(run(writes, request)) for _ in range(10)))
    assert sum("tandem-replayed" in answer for answer in answers) == 9
    assert await effects(producer) == 1


async def test_an_id_stays_free_when_its_effect_failed(
    producer: Producer, clock: FixedClock
) -> None:
    writes, request = IdempotentWrites(producer.units, clock), write("a")

    async def fails(uow: UnitOfWork) -> pb.ReplayEventsResponse:
        await effect_of(request)(uow)
        raise NotFound("order", "1")

    request_context.begin_rpc(METHOD)
    request_context.set_caller(Caller("shop", "acme"))
    with pytest.raises(NotFound):
        await writes.run(request, fails)
    assert await effects(producer) == 0
    assert await run(writes, request) == {}


async def test_the_same_id_of_another_tenant_is_another_request(
    producer: Producer, clock: FixedClock
) -> None:
    writes, request = IdempotentWrites(producer.units, clock), write("a")
    await run(writes, request)
    request_context.begin_rpc(METHOD)
    request_context.set_caller(Caller("shop", "other"))
    await writes.run(request, effect_of(request))
    assert await effects(producer) == 2


async def test_a_write_without_an_id_is_refused(producer: Producer, clock: FixedClock) -> None:
    with pytest.raises(ValidationFailed):
        await run(IdempotentWrites(producer.units, clock), pb.ReplayEventsRequest())


async def test_old_records_are_purged_and_young_ones_kept(
    producer: Producer, clock: FixedClock
) -> None:
    writes = IdempotentWrites(producer.units, clock)
    await run(writes, write("old"))
    clock.advance(15 * 24 * 3600)
    await run(writes, write("young"))
    assert await writes.purge() == 1
    assert await scalar(producer.database, "SELECT count(*) FROM idempotency_record") == 1


def batch_request(request: pb.ReplayEventsRequest) -> BatchRequest:
    key = IdempotencyKey("acme/shop", METHOD, request.request_id)
    return BatchRequest(key, request_hash(request))


async def test_one_id_twice_in_a_batch_is_done_once_and_answered_twice(
    producer: Producer,
) -> None:
    one, other = write("a"), write("b")
    changed = write("c", one.request_id)
    requests = [batch_request(r) for r in (one, other, one, changed)]
    async with producer.database.transaction() as connection:
        claims = await claim_batch(connection, requests)
        assert claims[:3] == [Claimed(), Claimed(), SameAs(0)]
        assert isinstance(claims[3], RequestIdReused)
        await store_batch(connection, [(requests[0], b"answer")])
    async with producer.database.transaction() as connection:
        again = await claim_batch(connection, requests)
    assert again[:3] == [Replayed(b"answer"), Claimed(), Replayed(b"answer")]
    assert isinstance(again[3], RequestIdReused)


async def test_batches_of_two_replicas_with_one_id_take_turns(producer: Producer) -> None:
    request = batch_request(write("a"))
    claimed: list[object] = []

    async def replica() -> None:
        async with producer.database.transaction() as connection:
            (claim,) = await claim_batch(connection, [request])
            claimed.append(claim)
            if isinstance(claim, Claimed):
                await store_batch(connection, [(request, b"answer")])

    await asyncio.gather(*(replica() for _ in range(5)))
    assert claimed.count(Claimed()) == 1
    assert claimed.count(Replayed(b"answer")) == 4
