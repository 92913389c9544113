"""Watching: everything first, then changes; resuming loses nothing; a slow reader is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import config_service_pb2 as config
from tandem.inventory.v1 import stock_policy_pb2 as policy
from tandem_inventory_availability.adapters.postgres.journal_tail import JournalTail
from tandem_inventory_availability.entrypoints import availability_watch
from tandem_platform.remote_error import RemoteError

from .stock_under_test import CAP, DC, DC2, TEE, Running, line, new_id

WAIT_S = 10.0


class Reading:
    """One stream, with what it knows so far."""

    def __init__(self, stock: Running, **values: object) -> None:
        fields = {"skus": [TEE, CAP], "locations": [DC, DC2], **values}
        self.call: Any = stock.availability.WatchAvailability(
            api.WatchAvailabilityRequest(**fields)
        )
        self._messages: AsyncIterator[api.WatchAvailabilityResponse] = aiter(self.call)
        self.known: dict[tuple[str, str], int] = {}
        self.token = ""

    async def next(self) -> api.WatchAvailabilityResponse:
        async with asyncio.timeout(WAIT_S):
            message = await anext(self._messages)
        self.known.update({(x.sku, x.location): x.available for x in message.availabilities})
        self.token = message.resume_token
        return message

    async def until(self, **wanted: int) -> None:
        """Reads until the SKUs have these figures at DC."""
        while any(self.known.get((sku, DC)) != units for sku, units in wanted.items()):
            await self.next()


async def test_everything_comes_first_and_then_what_changed(stock: Running) -> None:
    await stock.count(TEE, 5)
    await stock.count(CAP, 7)
    reading = Reading(stock)
    first = await reading.next()
    assert first.snapshot
    assert reading.known == {(TEE, DC): 5, (CAP, DC): 7}
    await stock.reserve(line(TEE, 2))
    change = await reading.next()
    assert not change.snapshot
    assert [(x.sku, x.available) for x in change.availabilities] == [(TEE, 3)]
    reading.call.cancel()


async def test_resuming_sends_what_changed_meanwhile_and_nothing_else(stock: Running) -> None:
    await stock.count(TEE, 5)
    await stock.count(CAP, 7)
    reading = Reading(stock)
    await reading.next()
    await stock.reserve(line(TEE, 1))
    await reading.until(TEE=4)
    reading.call.cancel()
    await stock.reserve(line(CAP, 3))
    again = Reading(stock, resume_token=reading.token)
    first = await again.next()
    assert not first.snapshot
    assert again.known[CAP, DC] == 4
    await stock.reserve(line(TEE, 1))
    await again.until(TEE=3)
    again.call.cancel()


async def test_after_too_many_events_everything_is_sent_anew(
    stock: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stock.count(TEE, 5)
    reading = Reading(stock)
    await reading.next()
    reading.call.cancel()
    monkeypatch.setattr(availability_watch, "RESUMED_EVENTS_MAX", 1)
    for _ in range(2):
        await stock.reserve(line(TEE, 1))
    again = Reading(stock, resume_token=reading.token)
    assert (await again.next()).snapshot
    assert again.known[TEE, DC] == 3
    again.call.cancel()


async def test_many_changes_at_once_end_in_the_state_as_it_is(stock: Running) -> None:
    """Folding the snapshot and all changes is what a read answers."""
    await stock.count(TEE, 50)
    readings = [Reading(stock) for _ in range(5)]
    for reading in readings:
        await reading.next()
    await asyncio.gather(*(stock.reserve(line(TEE, 1)) for _ in range(30)))
    expected = await stock.available(TEE)
    assert expected == 20
    for reading in readings:
        await reading.until(TEE=expected)
        reading.call.cancel()


async def test_a_changed_policy_and_a_component_of_a_bundle_are_changes(stock: Running) -> None:
    parts = [catalog.BundleComponent(sku=TEE, quantity=2)]
    items = [catalog.Item(sku="KIT", components=parts)]
    await stock.catalog.PutItems(catalog.PutItemsRequest(request_id=new_id(), items=items))
    await stock.count(TEE, 9)
    reading = Reading(stock, skus=["KIT"])
    await reading.next()
    assert reading.known == {("KIT", DC): 4}
    await stock.reserve(line(TEE, 4))
    await reading.until(KIT=2)
    entry = policy.PolicyEntry(id="s", safety=policy.SafetyPolicy(quantity=3))
    await stock.config.PutPolicies(config.PutPoliciesRequest(request_id=new_id(), entries=[entry]))
    await reading.until(KIT=1)
    reading.call.cancel()


async def test_a_reader_that_does_not_read_is_told_where_to_go_on(
    stock: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability_watch, "MESSAGES_MAX", 0)

    def offer(self: availability_watch.Watch, message: object) -> None:
        self.slow.set()
        self.waiting.put_nowait(message)  # type: ignore[arg-type]  # a message

    monkeypatch.setattr(availability_watch.Watch, "offer", offer)
    await stock.count(TEE, 5)
    reading = Reading(stock)
    await reading.next()
    await stock.reserve(line(TEE, 1))
    with pytest.raises(RemoteError) as slow:
        await reading.next()
    assert slow.value.reason == "WATCH_TOO_SLOW"
    assert slow.value.metadata["resume_token"] == reading.token
    monkeypatch.undo()
    again = Reading(stock, resume_token=reading.token)
    await again.next()
    assert again.known[TEE, DC] == 4
    again.call.cancel()


def test_a_full_queue_ends_the_stream_and_drops_no_message_silently() -> None:
    question = availability_watch.AvailabilityQuestion("t", (TEE,))
    watch = availability_watch.Watch(question, {}, asyncio.Queue(1))
    message = availability_watch.WatchMessage((), False, 1, None)  # type: ignore[arg-type]  # not read
    watch.offer(message)
    assert not watch.slow.is_set()
    watch.offer(message)
    assert watch.slow.is_set()


async def test_a_token_of_another_watch_and_one_stream_too_many_are_refused(
    stock: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stock.count(TEE, 5)
    reading = Reading(stock)
    await reading.next()
    with pytest.raises(RemoteError) as other:
        await Reading(stock, skus=[CAP], resume_token=reading.token).next()
    monkeypatch.setattr(availability_watch, "WATCHERS_MAX", 1)
    with pytest.raises(RemoteError) as limit:
        await Reading(stock).next()
    assert (other.value.reason, limit.value.reason) == ("WATCH_TOKEN", "WATCH_LIMIT")
    reading.call.cancel()


async def test_a_change_that_commits_after_a_later_one_is_still_seen(stock: Running) -> None:
    """Seen to fail with a cursor on the greatest id alone."""
    insert = text(
        "INSERT INTO event_journal (event_id, tenant, part, partition_key, agg_type, agg_id,"
        " agg_version, type, payload, headers, occurred_at) VALUES (gen_random_uuid(), 't', 0, '',"
        " 'stock_position', :id, 1, 'x', '', '{}', now())"
    )
    tail = JournalTail()
    async with stock.database.transaction() as reader:
        await tail.begin(reader)
    async with stock.database.transaction() as slow:
        await slow.execute(insert, {"id": "SLOW|DC-1"})
        async with stock.database.transaction() as quick:
            await quick.execute(insert, {"id": "QUICK|DC-1"})
        async with stock.database.transaction() as reader:
            assert await tail.changes(reader) == ({("t", "QUICK")}, False)
        before = tail.horizon
    async with stock.database.transaction() as reader:
        assert await tail.changes(reader) == ({("t", "SLOW")}, False)
    assert tail.horizon == before + 2
