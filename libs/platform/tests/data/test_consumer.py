"""Consumers: once and in order, whatever the bus does; one bad event harms one key only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tandem_platform import leases, partition_worker
from tandem_platform.event_journal import JournalEvent, published_headers
from tandem_platform.event_subjects import subject_of
from tandem_platform.jetstream import JetStream, Outgoing
from tandem_platform.leases import Lease, LeaseLost, PartitionLeases
from tandem_platform.partitions import partition_of
from tandem_testing.embedded_nats import EmbeddedNats

from .conftest import Databases
from .harness import (
    CONSUMER,
    PARTITIONS,
    SOURCE,
    STREAM,
    DirectJournal,
    Producer,
    consuming,
    event,
    eventually,
    producing,
    scalar,
)


@pytest.fixture(autouse=True)
def _quick_redelivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_worker, "AGAIN_S_MIN", 0.05)
    monkeypatch.setattr(partition_worker, "PAUSE_S_MIN", 0.05)


async def publish(bus: JetStream, events: Sequence[JournalEvent], round_: int = 0) -> None:
    """Puts events on the stream as a faulty bus would deliver them."""

    async def connected() -> bool:
        return bus.connected

    await eventually(connected)
    await bus.ensure_stream(STREAM)
    for number, one in enumerate(events):
        partition = partition_of(one.partition_key, PARTITIONS)
        subject = subject_of(one.event_type, partition)
        identity = f"{one.event_id}:{round_}:{number}"
        headers = published_headers(one, SOURCE)
        await bus.publish_batch([Outgoing(subject, identity, one.payload, headers)])


async def test_every_event_is_applied_once_and_in_order(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            for step in range(10):
                await asyncio.gather(*(producer.step(f"order-{n}") for n in range(10)))
                assert step < 10
            await projection.has(100)
            assert await projection.out_of_order() == 0
            assert journal.reads == 0


async def test_duplicates_and_disorder_of_the_bus_have_no_effect(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), None) as producer:
        for _ in range(6):
            await producer.step("order-1")
        events = [event("order-1", version) for version in (3, 1, 1, 2, 6, 5, 4, 2, 6)]
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await publish(bus, events)
            await projection.has(6)
            assert await projection.out_of_order() == 0

            async def all_acknowledged() -> bool:
                return (await projection.runner.standing()).pending == 0

            await eventually(all_acknowledged)


async def test_a_missing_version_is_read_from_the_journal_of_its_source(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), None) as producer:
        for _ in range(5):
            await producer.step("order-1")
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await publish(bus, [event("order-1", 1), event("order-1", 5)])
            await projection.has(5)
            assert await projection.out_of_order() == 0
            assert journal.reads >= 1


async def test_a_gap_waits_while_the_source_is_away_and_other_keys_go_on(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), None) as producer:
        for _ in range(3):
            await producer.step("order-1")
        journal = DirectJournal(producer.database)
        journal.reachable = False
        async with consuming(databases.new(), bus, journal) as projection:
            await publish(bus, [event("order-1", 3), event("order-2", 1)])
            await projection.has(1)

            async def gaps_are(count: int) -> bool:
                return (await projection.runner.standing()).open_gaps == count

            await eventually(lambda: gaps_are(1))
            assert await projection.count() == 1
            journal.reachable = True
            await projection.has(4)
            await eventually(lambda: gaps_are(0))


async def test_a_loss_that_nothing_follows_is_found_by_the_comparison(
    databases: Databases, bus: JetStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem_platform.checkpoints.IN_FLIGHT_S", 0)
    async with producing(databases.new(), None) as producer:
        await producer.step("order-1")
        await producer.step("order-1")
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await publish(bus, [event("order-1", 1)])
            await projection.has(1)
            assert await projection.runner.compare() == 1
            await projection.has(2)
            assert await projection.runner.compare() == 0


async def test_an_outside_fault_makes_events_wait_but_loses_none(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            projection.transient_failures_left = 5
            await asyncio.gather(*(producer.step(f"order-{n}") for n in range(10)))
            await projection.has(10)
            letters = await scalar(projection.database, "SELECT count(*) FROM dead_letter")
            assert letters == 0


async def test_a_fault_of_ours_is_tried_a_few_times_and_then_parks_its_key(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await producer.step("order-1", "bug")
            await producer.step("order-2")

            async def parked() -> bool:
                return await _letters(projection.database, "INTERNAL") == 1

            await eventually(parked)
            await projection.has(1)


async def test_a_message_without_our_headers_does_not_stop_the_partition(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), None) as producer:
        await producer.step("order-1")
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            partition = partition_of("order-1", PARTITIONS)
            subject = subject_of("tandem.order.v1.OrderRejected", partition)
            await publish(bus, [])
            await bus.publish_batch([Outgoing(subject, "foreign", b"?", {})])
            await publish(bus, [event("order-1", 1)])
            await projection.has(1)


async def test_a_wiped_store_loses_nothing_on_the_way_to_the_consumer(
    databases: Databases, bus: JetStream, fresh_nats: EmbeddedNats
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            await asyncio.gather(*(producer.step(f"order-{n}") for n in range(20)))
            await projection.has(20)
            fresh_nats.wipe()
            await asyncio.gather(*(producer.step(f"order-{n}") for n in range(20)))
            fresh_nats.start()
            await asyncio.gather(*(producer.step(f"order-{n}") for n in range(20)))
            await projection.has(60)
            assert await projection.out_of_order() == 0


async def test_a_killed_nats_comes_back_without_loss_or_doubles(
    databases: Databases, bus: JetStream, fresh_nats: EmbeddedNats
) -> None:
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal) as projection:
            for _ in range(3):
                await asyncio.gather(*(producer.step(f"order-{n}") for n in range(10)))
                fresh_nats.kill()
                await asyncio.gather(*(producer.step(f"order-{n}") for n in range(10)))
                fresh_nats.start()
            await projection.has(60)
            assert await projection.out_of_order() == 0


async def test_two_replicas_share_the_partitions_and_apply_nothing_twice(
    databases: Databases, bus: JetStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem_platform.consumer.RENEW_INTERVAL_S", 0.1)
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        url = databases.new()
        async with (
            consuming(url, bus, journal, "c-1") as first,
            consuming(url, bus, journal, "c-2") as second,
        ):

            async def shared() -> bool:
                held = [len(p.runner._leases.held()) for p in (first, second)]
                return held == [PARTITIONS // 2, PARTITIONS // 2]

            for step in range(5):
                await asyncio.gather(*(producer.step(f"order-{n}") for n in range(20)))
                if step == 2:
                    await eventually(shared)
            await first.has(100)
            assert await first.out_of_order() == 0


async def test_a_replica_takes_over_what_another_gave_back(
    databases: Databases, bus: JetStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem_platform.consumer.RENEW_INTERVAL_S", 0.1)
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        url = databases.new()
        async with consuming(url, bus, journal, "c-1") as first:
            await producer.step("order-1")
            await first.has(1)
        async with consuming(url, bus, journal, "c-2") as second:
            await producer.step("order-1")
            await second.has(2)


async def test_an_owner_that_was_only_slow_can_no_longer_write(databases: Databases) -> None:
    async with producing(databases.new(), None) as producer:
        slow = PartitionLeases(producer.database, CONSUMER, PARTITIONS, "c-1")
        await slow.renew()
        old = slow.held()[0]
        restarted = PartitionLeases(producer.database, CONSUMER, PARTITIONS, "c-1")
        await restarted.renew()
        new = restarted.held()[0]
        assert new.epoch == old.epoch + 1
        await _checked(producer, new)
        with pytest.raises(LeaseLost):
            await _checked(producer, old)


async def test_a_lease_that_ran_out_is_taken_by_another_replica(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_TTL_S", 0.2)
    async with producing(databases.new(), None) as producer:
        dead = PartitionLeases(producer.database, CONSUMER, PARTITIONS, "c-1")
        await dead.renew()
        other = PartitionLeases(producer.database, CONSUMER, PARTITIONS, "c-2")
        await other.renew()
        assert other.held() == {}

        async def taken() -> bool:
            await other.renew()
            return len(other.held()) == PARTITIONS

        await eventually(taken)
        assert dead.held() == {}


async def _checked(producer: Producer, lease: Lease) -> None:
    async with producer.database.transaction() as connection:
        await lease.check(connection)


async def _letters(database, reason: str) -> int:  # noqa: ANN001
    return await scalar(database, f"SELECT count(*) FROM dead_letter WHERE reason = '{reason}'")
