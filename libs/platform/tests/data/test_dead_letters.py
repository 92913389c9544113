"""Dead letters: parked keys, repair, discard, and the way back through the journal."""

from __future__ import annotations

import json

import pytest
from tandem.ops.v1 import dead_letter_pb2, operations_service_pb2, operations_service_pb2_grpc
from tandem_core.clock import SystemClock
from tandem_core.ids import Uuid7Factory
from tandem_platform.dead_letters import DeadLetterClosed
from tandem_platform.health import Health
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.jetstream import JetStream
from tandem_platform.journal_reader import JournalClient, JournalServicer
from tandem_platform.journal_store import JournalStore, VersionsQuery
from tandem_platform.operations_service import OperationsParts, OperationsServicer
from tandem_platform.pagination import PageTokens
from tandem_platform.remote_error import RemoteError
from tandem_testing.grpc_wire import serve_in_process

from .conftest import Databases
from .harness import (
    SOURCE,
    TENANT,
    DirectJournal,
    Producer,
    Projection,
    consuming,
    eventually,
    producing,
    scalar,
)

REQUEUED = dead_letter_pb2.DeadLetter.STATE_REQUEUED
RESOLVED = dead_letter_pb2.DeadLetter.STATE_RESOLVED
OPEN = dead_letter_pb2.DeadLetter.STATE_OPEN
PAGE_TOKENS = PageTokens(b"k" * 32)


def servicer_of(projection: Projection, bus: JetStream) -> OperationsServicer:
    return OperationsServicer(
        OperationsParts(
            service="finance-posting",
            replica="c-1",
            units=projection.units,
            bus=bus,
            relay=None,
            consumers=[projection.runner],
            writes=IdempotentWrites(projection.units, SystemClock()),
            page_tokens=PAGE_TOKENS,
            health=Health(),
        )
    )


async def _poisoned(producer: Producer, projection: Projection) -> None:
    """One good event, a poisoned one, and two that follow it."""
    for reason in ("ok", "poison", "ok", "ok"):
        await producer.step("order-1", reason)

    async def parked() -> bool:
        return await scalar(projection.database, "SELECT count(*) FROM dead_letter") == 1

    await eventually(parked)


def _requeue(letter_id: str, repaired: str = "") -> operations_service_pb2.RequeueDeadLetterRequest:
    return operations_service_pb2.RequeueDeadLetterRequest(
        request_id=Uuid7Factory().new_id(),
        dead_letter_id=letter_id,
        repaired_payload_json=repaired,
        note="looked at it",
    )


async def test_a_refused_event_parks_its_key_only(databases: Databases, bus: JetStream) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await _poisoned(producer, projection)
            for number in range(2, 8):
                await producer.step(f"order-{number}")
            await projection.has(7)
            standing = await projection.runner.standing()
            assert (standing.parked_keys, standing.applied) == (1, 7)


async def test_a_repaired_letter_is_applied_and_its_followers_come_from_the_journal(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await _poisoned(producer, projection)
            async with serve_in_process([servicer_of(projection, bus)]) as channel:
                stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
                listed = await stub.ListDeadLetters(operations_service_pb2.ListDeadLettersRequest())
                (letter,) = listed.dead_letters
                assert letter.reason == "VALIDATION_FAILED"
                shown = await stub.GetDeadLetter(
                    operations_service_pb2.GetDeadLetterRequest(dead_letter_id=letter.id)
                )
                payload = json.loads(shown.dead_letter.payload_json)
                assert payload == {"order_id": "order-1", "reason": "poison"}
                payload["reason"] = "repaired"
                answer = await stub.RequeueDeadLetter(_requeue(letter.id, json.dumps(payload)))
                assert answer.dead_letter.state == RESOLVED
            await projection.has(4)
            assert await projection.out_of_order() == 0
            repaired = "SELECT count(*) FROM projection WHERE reason = 'repaired'"
            assert await scalar(projection.database, repaired) == 1


async def test_a_letter_requeued_unrepaired_is_open_again_with_one_more_attempt(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await _poisoned(producer, projection)
            async with serve_in_process([servicer_of(projection, bus)]) as channel:
                stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
                letter_id = await _letter_id(projection)
                answer = await stub.RequeueDeadLetter(_requeue(letter_id))
            assert (answer.dead_letter.state, answer.dead_letter.attempts) == (OPEN, 2)
            await projection.has(1)


async def test_a_discarded_letter_lets_its_key_go_on_after_it_and_stays_closed(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await _poisoned(producer, projection)
            async with serve_in_process([servicer_of(projection, bus)]) as channel:
                stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
                letter_id = await _letter_id(projection)
                await stub.DiscardDeadLetter(
                    operations_service_pb2.DiscardDeadLetterRequest(
                        request_id=Uuid7Factory().new_id(), dead_letter_id=letter_id, note="known"
                    )
                )
                await projection.has(3)
                with pytest.raises(RemoteError) as refused:
                    await stub.RequeueDeadLetter(_requeue(letter_id))
            assert refused.value.reason == DeadLetterClosed.reason


async def test_a_repair_that_is_no_message_of_its_type_names_the_field(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await _poisoned(producer, projection)
            async with serve_in_process([servicer_of(projection, bus)]) as channel:
                stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
                letter_id = await _letter_id(projection)
                with pytest.raises(RemoteError) as refused:
                    await stub.RequeueDeadLetter(_requeue(letter_id, '{"no_such_field": 1}'))
                assert [v.field for v in refused.value.violations] == ["repaired_payload_json"]


async def test_a_requeue_waits_for_the_journal_of_an_unreachable_source(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await _poisoned(producer, projection)
            journal.reachable = False
            async with serve_in_process([servicer_of(projection, bus)]) as channel:
                stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
                fixed = json.dumps({"order_id": "order-1", "reason": "repaired"})
                await stub.RequeueDeadLetter(_requeue(await _letter_id(projection), fixed))
            await projection.has(2)
            journal.reachable = True
            await projection.has(4)


async def test_status_and_replay_tell_what_the_service_did(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            for number in range(3):
                await producer.step(f"order-{number}")
            await projection.has(3)
            servicers = [servicer_of(projection, bus)]
            async with serve_in_process(servicers) as channel:
                stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
                status = await stub.GetServiceStatus(
                    operations_service_pb2.GetServiceStatusRequest()
                )
            assert {d.name: d.reachable for d in status.dependencies} == {
                "postgres": True,
                "nats": True,
            }
            assert [c.applied_events for c in status.consumers] == [3]

        async with consuming(databases.new(), bus, journal) as fresh:
            producing_side = OperationsServicer(
                OperationsParts(
                    service=SOURCE,
                    replica="p-1",
                    units=producer.units,
                    bus=bus,
                    relay=producer.relay,
                    consumers=[],
                    writes=IdempotentWrites(producer.units, SystemClock()),
                    page_tokens=PAGE_TOKENS,
                    health=Health(),
                )
            )
            async with serve_in_process([producing_side]) as channel:
                stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
                dry = await stub.ReplayEvents(_replay(dry_run=True))
                assert (dry.matched_events, dry.republished_events) == (3, 0)
                wet = await stub.ReplayEvents(_replay(dry_run=False))
                assert (wet.matched_events, wet.republished_events) == (3, 3)
                # The new database gets them by the replay alone: the durable had them before.
                await fresh.has(3)
                await stub.ReplayEvents(_replay(dry_run=False))

                async def republished() -> bool:
                    return (await fresh.runner.standing()).duplicates == 3

                await eventually(republished)
            assert await fresh.count() == 3


async def test_the_journal_is_read_over_the_wire_in_pages(databases: Databases) -> None:
    async with producing(databases.new(), None) as producer:
        for _ in range(3):
            await producer.step("order-ü1")
        await producer.step("order-2")
        servicer = JournalServicer(JournalStore(producer.database), SOURCE, PAGE_TOKENS)
        async with serve_in_process([servicer]) as channel:
            client = JournalClient(channel, SOURCE)
            direct = DirectJournal(producer.database)
            key = (await direct.versions(_all_orders(), ""))[0][1].key
            page = await client.read(key, 2, 0)
            assert [d.aggregate_version for d in page.deliveries] == [2, 3]
            assert page.deliveries == (await direct.read(key, 2, 0)).deliveries
            unknown = type(key)(TENANT, "order", "nobody")
            assert (await client.read(unknown, 1, 0)).newest_version == 0
            versions, token = await client.versions(_all_orders(), "")
            assert [(v.key.aggregate_id, v.version) for v in versions] == [
                ("order-2", 1),
                ("order-ü1", 3),
            ]
            assert token == ""


def _all_orders() -> VersionsQuery:
    return VersionsQuery(["order"])


def _replay(*, dry_run: bool) -> operations_service_pb2.ReplayEventsRequest:
    return operations_service_pb2.ReplayEventsRequest(
        request_id=Uuid7Factory().new_id(), dry_run=dry_run, aggregate_type="order"
    )


async def _letter_id(projection: Projection) -> str:
    async with projection.database.transaction() as connection:
        found = await connection.exec_driver_sql("SELECT id::text FROM dead_letter")
        return str(found.scalar_one())
