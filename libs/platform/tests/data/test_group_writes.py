"""Writes of rpcs in one commit: one effect for each request id, neighbours unharmed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from tandem.ops.v1 import operations_service_pb2 as pb
from tandem_core.errors import NotFound
from tandem_platform import request_context
from tandem_platform.group_writes import GroupWrites
from tandem_platform.idempotency import REPLAYED, RequestIdReused
from tandem_platform.request_context import Caller
from tandem_platform.unit_of_work import UnitOfWork

from .conftest import Databases
from .harness import Producer, producing, scalar

METHOD = "tandem.ops.v1.OperationsService/ReplayEvents"
Writes = GroupWrites[str, pb.ReplayEventsResponse]


@pytest.fixture
async def producer(databases: Databases) -> AsyncIterator[Producer]:
    async with producing(databases.new(), None) as made:
        yield made


@pytest.fixture
async def writes(producer: Producer) -> AsyncIterator[Writes]:
    async with writing(producer) as made:
        yield made


@asynccontextmanager
async def writing(producer: Producer) -> AsyncIterator[Writes]:
    """One replica of a service that writes."""
    writes = Writes(producer.units, _effects, pb.ReplayEventsResponse, name="test")
    await writes.start()
    yield writes
    await writes.stop()


async def _effects(
    uow: UnitOfWork, commands: Sequence[str]
) -> list[pb.ReplayEventsResponse | Exception]:
    answers: list[pb.ReplayEventsResponse | Exception] = []
    for place, command in enumerate(commands):
        if command == "fault":
            raise ZeroDivisionError
        if command == "refused":
            answers.append(NotFound("effect", command))
            continue
        await uow.connection.execute(
            text("INSERT INTO effect (id, value) VALUES (:id, :value)"),
            {"id": str(uuid.uuid4()), "value": command},
        )
        answers.append(pb.ReplayEventsResponse(matched_events=place + 1))
    return answers


def write(note: str, request_id: str = "") -> pb.ReplayEventsRequest:
    return pb.ReplayEventsRequest(request_id=request_id or str(uuid.uuid4()), aggregate_id=note)


async def submit(
    writes: Writes, request: pb.ReplayEventsRequest
) -> tuple[pb.ReplayEventsResponse, bool]:
    """The answer, and whether it was told to be a repeat."""
    trailing = request_context.begin_rpc(METHOD)
    request_context.set_caller(Caller("shop", "acme"))
    answer = await writes.submit(request, request.aggregate_id)
    return answer, trailing.get(REPLAYED) == "true"


async def test_a_repeat_gets_the_first_answer_and_says_so(
    producer: Producer, writes: Writes
) -> None:
    request = write("a")
    first, fresh = await submit(writes, request)
    again, replayed = await submit(writes, request)
    assert (first == again, fresh, replayed) == (True, False, True)
    with pytest.raises(RequestIdReused):
        await submit(writes, write("b", request.request_id))
    assert await scalar(producer.database, "SELECT count(*) FROM effect") == 1


async def test_one_request_at_two_replicas_and_twice_in_a_batch_has_one_effect(
    producer: Producer, writes: Writes
) -> None:
    request = write("a")
    async with writing(producer) as other:
        made = await asyncio.gather(
            *(asyncio.create_task(submit(w, request)) for w in (writes, other) * 4)
        )
    assert sum(not replayed for _, replayed in made) == 1
    assert await scalar(producer.database, "SELECT count(*) FROM effect") == 1


async def test_what_one_write_meets_is_not_met_by_its_neighbours(
    producer: Producer, writes: Writes
) -> None:
    requests = [write(note) for note in ("a", "refused", "b", "fault", "c")]
    results = await asyncio.gather(
        *(asyncio.create_task(submit(writes, request)) for request in requests),
        return_exceptions=True,
    )
    kinds = [type(result).__name__ for result in results]
    assert kinds == ["tuple", "NotFound", "tuple", "ZeroDivisionError", "tuple"]
    assert await scalar(producer.database, "SELECT count(*) FROM effect") == 3


async def test_a_refused_write_leaves_its_id_free(producer: Producer, writes: Writes) -> None:
    refused = write("refused")
    with pytest.raises(NotFound):
        await submit(writes, refused)
    _, replayed = await submit(writes, write("a", refused.request_id))
    assert not replayed
