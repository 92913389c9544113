"""Gaps, epochs, silence, replays and the orders of streams: on real Postgres."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tandem.inventory.v1 import events_pb2
from tandem.inventory.v1 import signal_service_pb2 as api
from tandem_platform.remote_error import RemoteError

from .source_steps import Source, put, replay, told, watch_of
from .stock_under_test import (
    CAP,
    DC,
    DC2,
    MUG,
    SOURCE,
    STORE,
    TEE,
    Running,
    at,
    line,
    new_id,
    owner,
)

Outcome = api.SignalResult


async def test_an_epoch_begins_with_its_snapshot_and_the_old_one_is_over(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=3, delta=4)
    request = api.AdvanceEpochRequest(
        request_id=new_id(), source=SOURCE, expected_epoch=0, reason="restored from a copy"
    )
    assert (await stock.signals.AdvanceEpoch(request)).epoch == 1
    asked = await told(stock, events_pb2.StockResyncRequested)
    assert [(e.snapshot, e.epoch, e.cause) for e in asked] == [(True, 1, "EPOCH")]  # type: ignore[attr-defined]  # the event
    assert (await stock.signal(sequence=2, delta=9)).outcome == Outcome.OUTCOME_STALE_EPOCH
    result = await stock.signal(sequence=2, delta=-1, epoch=1)
    assert result.outcome == Outcome.OUTCOME_APPLIED_WITH_GAP
    assert (await stock.signal(sequence=3, delta=2, epoch=1)).outcome == Outcome.OUTCOME_HELD_BACK
    await stock.signal(sequence=1, snapshot=30, epoch=1)
    position = await stock.position()
    assert (position.on_hand, position.gap) == (31, False)
    assert list((await replay(stock, dry_run=True)).differences) == []
    assert await stock.differences() == []
    request.request_id = new_id()
    with pytest.raises(RemoteError) as refused:
        await stock.signals.AdvanceEpoch(request)
    assert refused.value.reason == "EPOCH_MOVED"


async def state_of(stock: Running) -> api.GetStreamStateResponse:
    return await stock.signals.GetStreamState(api.GetStreamStateRequest(source=SOURCE))


async def test_a_gap_is_asked_for_after_a_while_then_a_snapshot_is_until_it_closes(
    stock: Running,
) -> None:
    watch = watch_of(stock)
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=4, delta=3)
    assert await watch.watch() == 0
    state = await state_of(stock)
    assert [(gap.first, gap.last) for gap in state.gaps] == [(2, 3)]
    stream = state.stream
    assert (stream.watermark, stream.highest_sequence, stream.gap_positions) == (1, 4, 1)
    assert stream.held_signals == 1
    asked: list[tuple[bool, int, int]] = []
    for _ in range(4):
        stock.clock.advance(3600)
        await watch.watch()
        events = await told(stock, events_pb2.StockResyncRequested)
        asked = [(e.snapshot, e.first_sequence, e.last_sequence) for e in events]  # type: ignore[attr-defined]  # the event
    assert asked == [(False, 2, 3)] * 3 + [(True, 0, 0)]
    for sequence in (2, 3):
        await stock.signal(sequence=sequence, delta=-1)
    stock.clock.advance(3600)
    await watch.watch()
    assert list((await state_of(stock)).resync_requests) == []
    assert len(await told(stock, events_pb2.StockResyncRequested)) == 4
    assert (await stock.position()).on_hand == 11


async def test_an_operator_asks_for_a_range(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    request = api.RequestResyncRequest(
        request_id=new_id(),
        source=SOURCE,
        kind=api.RESYNC_KIND_REPLAY,
        range=api.SequenceRange(first=2, last=9),
        reason="a file was lost",
    )
    made = (await stock.signals.RequestResync(request)).resync_request
    assert (made.range.first, made.range.last, made.cause) == (2, 9, "a file was lost")
    open_ones = (await state_of(stock)).resync_requests
    assert [item.id for item in open_ones] == [made.id]
    request.request_id, request.range.last = new_id(), 1
    with pytest.raises(RemoteError) as refused:
        await stock.signals.RequestResync(request)
    assert refused.value.reason == "VALIDATION_FAILED"
    request.source = "wms/never"
    request.request_id, request.range.last = new_id(), 9
    with pytest.raises(RemoteError) as unknown:
        await stock.signals.RequestResync(request)
    assert unknown.value.reason == "NOT_FOUND"


async def test_a_silent_source_is_told_once_and_so_is_its_return(stock: Running) -> None:
    watch = watch_of(stock)
    await stock.signal(sequence=1, snapshot=10)
    stock.clock.advance(3601)
    assert [await watch.watch() for _ in range(2)] == [1, 0]
    assert (await state_of(stock)).stream.stale
    await stock.signal(sequence=2, delta=-1)
    assert not (await state_of(stock)).stream.stale
    assert len(await told(stock, events_pb2.StockSourceStale)) == 1
    assert len(await told(stock, events_pb2.StockSourceRecovered)) == 1
    page = await stock.signals.ListStreams(api.ListStreamsRequest())
    assert [s.source for s in page.streams] == [SOURCE]


async def test_what_became_of_a_signal_can_be_asked(stock: Running) -> None:
    await stock.signal(sequence=2, delta=4)
    request = api.GetSignalOutcomeRequest(source=SOURCE, sequence=2)
    found = (await stock.signals.GetSignalOutcome(request)).lines
    assert [(i.outcome, i.held, i.quantity) for i in found] == [
        (Outcome.OUTCOME_HELD_BACK, True, 4)
    ]
    await stock.signal(sequence=1, delta=1)
    found = (await stock.signals.GetSignalOutcome(request)).lines
    assert [item.held for item in found] == [False]


async def test_a_replay_finds_and_mends_what_the_journal_does_not_say(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=2, delta=-3)
    await stock.signal(sequence=3, snapshot=6, sku=CAP)
    clean = await replay(stock, dry_run=True)
    assert (clean.checked_positions, list(clean.differences)) == (2, [])
    await stock.execute(f"UPDATE stock_feed SET delta_sum = -5 WHERE sku = '{TEE}'")
    found = (await replay(stock, dry_run=True)).differences
    assert [(d.sku, d.booked, d.replayed) for d in found] == [(TEE, 5, 7)]
    assert len((await replay(stock, dry_run=False)).differences) == 1
    assert (await replay(stock, dry_run=True)).differences == []
    assert (await stock.position()).on_hand == 9


async def test_a_signal_racing_reservations_loses_no_update(stock: Running) -> None:
    """Without FOR UPDATE on positions two writers give the same number away and one is refused by a
    unique key. Seen to fail so in two of six runs: it takes the race. `test_two_replicas` needs
    the same lock."""
    await stock.signal(sequence=1, snapshot=100)
    await asyncio.gather(
        *(stock.reserve(line(TEE, 1)) for _ in range(40)),
        *(stock.signal(sequence=n, delta=-1) for n in range(2, 32)),
    )
    position = await stock.position()
    assert (position.on_hand, position.hard_reserved, position.available) == (70, 40, 30)
    assert await stock.differences() == []


async def test_sources_without_numbers_are_ranked_by_time_version_or_arrival(
    stock: Running,
) -> None:
    await put(
        stock,
        owner("*", DC),
        owner("erp/*", DC2, sequencing=Source.SEQUENCING_VERSION),
        owner("oms/*", STORE, sequencing=Source.SEQUENCING_NONE),
    )
    for version, figure in ((3, 7), (2, 9), (3, 7)):
        await stock.signal(source="erp/1", location=DC2, sequence=version, snapshot=figure)
    assert (await stock.position(location=DC2)).on_hand == 7
    arrived = [{"delta": 4}, {"delta": 4}, {"snapshot": 6}, {"delta": -1, "cause": "LOST"}]
    results = [await stock.signal(source="oms/1", location=STORE, **content) for content in arrived]
    assert [r.outcome for r in results] == [
        Outcome.OUTCOME_APPLIED,
        Outcome.OUTCOME_DUPLICATE,
        Outcome.OUTCOME_APPLIED,
        Outcome.OUTCOME_APPLIED,
    ]
    assert (await stock.position(location=STORE)).on_hand == 5
    assert list((await replay(stock, dry_run=True)).differences) == []
    assert await stock.differences() == []


async def test_timed_signals_in_any_order_end_in_the_same_stock(stock: Running) -> None:
    await put(stock, owner("*", DC), owner("ts/*", STORE, sequencing=Source.SEQUENCING_TIME))
    now = stock.clock.now()
    told = [
        {"delta": 4, "effective_time": at(now), "signal_id": "a"},
        {"snapshot": 10, "effective_time": at(now + timedelta(seconds=1))},
        {"delta": -2, "effective_time": at(now + timedelta(seconds=1)), "signal_id": "b"},
        {"delta": 3, "effective_time": at(now + timedelta(seconds=2)), "signal_id": "c"},
    ]
    for source, order in enumerate(([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1])):
        sku = (TEE, CAP, MUG)[source]
        for number in order:
            await stock.signal(source="ts/1", sku=sku, location=STORE, **told[number])
        # At the instant of the count nobody can say: what takes stock away counts.
        assert (await stock.position(sku, STORE)).on_hand == 11, order
    assert await stock.differences() == []
