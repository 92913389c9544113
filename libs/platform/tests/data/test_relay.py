"""The relay: everything, once marked, in order, whatever happens to the bus."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

import pytest
from tandem_platform.event_subjects import partition_filter, subject_of
from tandem_platform.jetstream import JetStream, Outgoing, PublishRefused
from tandem_platform.partitions import partition_of
from tandem_testing.embedded_nats import EmbeddedNats

from .conftest import Databases
from .harness import PARTITIONS, STREAM, eventually, producing

WRITERS = 16
STEPS_EACH = 20
ORDERS = 10


async def test_sixteen_writers_lose_nothing_and_keep_the_order_of_each_aggregate(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:

        async def write(writer: int) -> None:
            for step in range(STEPS_EACH):
                await producer.step(f"order-{(writer + step) % ORDERS}")

        await asyncio.gather(*(write(writer) for writer in range(WRITERS)))

        async def published() -> bool:
            return await producer.unpublished() == 0

        await eventually(published)
        versions = await _versions_on_the_stream(bus)
    assert sum(len(found) for found in versions.values()) == WRITERS * STEPS_EACH
    for found in versions.values():
        assert found == list(range(1, len(found) + 1))


async def test_events_committed_while_nats_is_away_are_published_when_it_is_back(
    databases: Databases, bus: JetStream, fresh_nats: EmbeddedNats
) -> None:
    async with producing(databases.new(), bus) as producer:
        await producer.step("order-1")
        fresh_nats.kill()
        for _ in range(5):
            await producer.step("order-1")
        fresh_nats.start()

        async def published() -> bool:
            return await producer.unpublished() == 0

        await eventually(published)
        assert await _versions_on_the_stream(bus) == {"order-1": [1, 2, 3, 4, 5, 6]}


async def test_a_wiped_store_is_filled_again_from_the_journal(
    databases: Databases, bus: JetStream, fresh_nats: EmbeddedNats
) -> None:
    async with producing(databases.new(), bus) as producer:
        for _ in range(5):
            await producer.step("order-1")

        async def published() -> bool:
            return await producer.unpublished() == 0

        await eventually(published)
        fresh_nats.wipe()
        fresh_nats.start()
        await producer.step("order-1")

        async def all_there() -> bool:
            if not bus.connected or await producer.unpublished():
                return False
            return (await bus.ensure_stream(STREAM)).last_seq >= 6

        await eventually(all_there)
        versions = (await _versions_on_the_stream(bus))["order-1"]
    assert set(versions) == {1, 2, 3, 4, 5, 6}


async def test_a_stream_that_went_back_in_time_gets_its_lost_messages_again(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        assert producer.relay is not None
        await producer.step("order-1")

        async def published() -> bool:
            return await producer.unpublished() == 0

        await eventually(published)
        # As if two more messages had been acknowledged before the store went back.
        async with producer.database.transaction() as connection:
            await connection.exec_driver_sql("UPDATE stream_incarnation SET last_seq = 3")
            await connection.exec_driver_sql("UPDATE event_journal SET stream_seq = 3")
        await producer.relay._check_incarnation()

        async def twice() -> bool:
            return (await bus.stream_state(STREAM)).last_seq == 2

        await eventually(twice)


async def test_a_stream_made_anew_and_filled_further_than_before_gets_everything_again(
    databases: Databases, bus: JetStream
) -> None:
    async with producing(databases.new(), bus) as producer:
        assert producer.relay is not None
        await producer.step("order-1")
        await producer.step("order-1")

        async def published() -> bool:
            return await producer.unpublished() == 0

        await eventually(published)
        # As remembered from an earlier life of the stream that had got less far.
        async with producer.database.transaction() as connection:
            await connection.exec_driver_sql(
                "UPDATE stream_incarnation SET created = 'an earlier life', last_seq = 1"
            )
        await producer.relay._check_incarnation()

        async def twice() -> bool:
            return (await bus.stream_state(STREAM)).last_seq == 4

        await eventually(twice)


async def test_two_replicas_share_the_partitions_and_publish_each_event_once(
    databases: Databases, bus: JetStream
) -> None:
    url = databases.new()
    async with producing(url, bus, "p-1") as first, producing(url, bus, "p-2") as second:
        for number in range(20):
            await first.step(f"order-{number}")
            await second.step(f"order-{number}")

        async def published() -> bool:
            return await first.unpublished() == 0

        await eventually(published)
        versions = await _versions_on_the_stream(bus)
    assert all(found == [1, 2] for found in versions.values())


async def test_a_batch_with_a_message_the_stream_has_already_is_still_published(
    databases: Databases, bus: JetStream
) -> None:
    await eventually(_connected(bus))
    await bus.ensure_stream(STREAM)
    subject = subject_of("tandem.order.v1.OrderRejected", 0)
    one, two, three = (Outgoing(subject, f"id-{n}", b"x", {}) for n in (1, 2, 3))
    first = await bus.publish_batch([one, two])
    assert await bus.publish_batch([two, three]) == [first[1], first[1] + 1]


async def test_a_missing_stream_is_told_apart_from_a_missing_server(bus: JetStream) -> None:
    await eventually(_connected(bus))
    with pytest.raises(PublishRefused) as refused:
        await bus.stream_state("EVT_NOT_THERE")
    assert refused.value.error_code == 10059


async def test_our_partition_is_the_one_the_server_computes(bus: JetStream) -> None:
    await eventually(_connected(bus))
    client = bus.client()
    config = {
        "name": "PARITY",
        "subjects": ["key.*"],
        "subject_transform": {"src": "key.*", "dest": "part.{{partition(16,1)}}.{{wildcard(1)}}"},
    }
    await client.request("$JS.API.STREAM.CREATE.PARITY", json.dumps(config).encode())
    keys = [f"sku-{n}|lager-ü{n}" for n in range(200)]
    for key in keys:
        await client.request(f"key.{key}", b"")
    for sequence, key in enumerate(keys, start=1):
        asked = json.dumps({"seq": sequence}).encode()
        stored = json.loads((await client.request("$JS.API.STREAM.MSG.GET.PARITY", asked)).data)
        assert stored["message"]["subject"] == f"part.{partition_of(key, 16)}.{key}"


def _connected(bus: JetStream):  # noqa: ANN202
    async def connected() -> bool:
        return bus.connected

    return connected


async def _versions_on_the_stream(bus: JetStream) -> dict[str, list[int]]:
    """Versions by aggregate in the order a consumer sees them."""
    await eventually(_connected(bus))
    found: dict[str, list[int]] = defaultdict(list)
    stream = bus.client().jetstream()
    last = (await bus.stream_state(STREAM)).last_seq
    for sequence in range(1, last + 1):
        message = await stream.get_msg(STREAM, sequence)
        headers = message.headers or {}
        found[headers["ce-subject"]].append(int(headers["ce-sequence"]))
        partition = partition_of(headers["ce-subject"], PARTITIONS)
        assert partition_filter(STREAM, partition).endswith(message.subject.rsplit(".", 1)[-1])
    return dict(found)
