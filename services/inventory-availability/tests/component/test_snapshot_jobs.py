"""Whole snapshots on real Postgres: all or nothing in acceptance, resumable in application."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

import pytest
from tandem.inventory.v1 import reservation_service_pb2 as reservations
from tandem.inventory.v1 import signal_service_pb2 as api
from tandem.inventory.v1 import stock_position_pb2 as wire
from tandem_core.ids import Uuid7Factory
from tandem_inventory_availability.adapters.postgres.snapshot_chunks import SnapshotChunks
from tandem_inventory_availability.domain.snapshot_file import checksum_of
from tandem_inventory_availability.entrypoints.resync_loop import StreamWatch
from tandem_platform import fault_points
from tandem_platform.remote_error import RemoteError

from .stock_under_test import CAP, DC, MUG, SOURCE, TEE, Running, at, line, new_id, owner

FULL, LISTED = api.SNAPSHOT_SCOPE_FULL_LOCATION, api.SNAPSHOT_SCOPE_LISTED_ONLY
State = api.SnapshotJob


async def opened(stock: Running, rows: Mapping[str, int], **values: object) -> str:
    """An open job that has received the rows."""
    header = {
        "source": SOURCE,
        "sequence": 10,
        "scope": FULL,
        "location": DC,
        "declared_rows": len(rows),
        "as_of_time": at(stock.clock.now()),
        **values,
    }
    request = api.OpenSnapshotRequest(request_id=new_id(), header=api.SnapshotHeader(**header))  # type: ignore[arg-type]  # fields by name
    job = (await stock.signals.OpenSnapshot(request)).job
    if rows:
        await add(stock, job.id, rows)
    return job.id


async def add(stock: Running, job_id: str, rows: Mapping[str, int]) -> int:
    told = [api.SnapshotRow(sku=sku, quantity=quantity) for sku, quantity in rows.items()]
    request = api.AddSnapshotRowsRequest(request_id=new_id(), job_id=job_id, rows=told)
    return (await stock.signals.AddSnapshotRows(request)).received_rows


async def close(stock: Running, job_id: str) -> api.SnapshotJob:
    request = api.CloseSnapshotRequest(request_id=new_id(), job_id=job_id)
    return (await stock.signals.CloseSnapshot(request)).job


async def job_of(stock: Running, job_id: str) -> api.SnapshotJob:
    request = api.GetSnapshotJobRequest(job_id=job_id)
    return (await stock.signals.GetSnapshotJob(request)).job


async def apply_all(stock: Running) -> int:
    chunks, parts = SnapshotChunks(stock.units, stock.clock), 0
    while await chunks.apply_next():
        parts += 1
    return parts


async def submitted(stock: Running, rows: Mapping[str, int], **values: object) -> api.SnapshotJob:
    job_id = await opened(stock, rows, **values)
    await close(stock, job_id)
    await apply_all(stock)
    return await job_of(stock, job_id)


async def test_a_full_snapshot_sets_what_it_lists_and_empties_the_rest(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=2, snapshot=4, sku=CAP)
    await stock.signal(sequence=11, delta=-1)
    job = await submitted(stock, {TEE: 20, MUG: 3})
    assert (job.state, job.applied_rows, job.total_rows) == (State.STATE_APPLIED, 3, 3)
    assert job.changed_rows == 3
    stands = [(await stock.position(sku)).on_hand for sku in (TEE, CAP, MUG)]
    # The movement numbered after the snapshot stays on top of it.
    assert stands == [19, 0, 3]
    assert await stock.differences() == []


async def test_a_snapshot_of_what_it_lists_leaves_the_rest_alone(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=2, snapshot=4, sku=CAP)
    job = await submitted(stock, {TEE: 7}, scope=LISTED)
    assert (job.state, job.total_rows) == (State.STATE_APPLIED, 1)
    assert (await stock.position(CAP)).on_hand == 4
    assert (await stock.position(TEE)).on_hand == 7


async def test_rows_that_change_nothing_are_taken_together_and_are_counts_all_the_same(
    stock: Running,
) -> None:
    await submitted(stock, {TEE: 5, CAP: 6, MUG: 7})
    versions = "SELECT sum(version) FROM stock_position"
    before = await stock.rows(versions)
    stock.clock.advance(60)
    job = await submitted(stock, {TEE: 5, CAP: 9, MUG: 7}, sequence=20)
    assert (job.applied_rows, job.changed_rows) == (3, 1)
    # One position tells of a change; the others only became fresher.
    assert await stock.rows(versions) == [(before[0][0] + 1,)]  # type: ignore[operator]  # a sum
    assert await stock.rows("SELECT DISTINCT snapshot_sequence FROM stock_feed") == [(20,)]
    late = await stock.signal(sequence=15, delta=-1)
    assert late.outcome == api.SignalResult.OUTCOME_SUPERSEDED
    assert (await stock.position(TEE)).on_hand == 5
    assert await stock.differences() == []


@pytest.mark.parametrize(
    ("declared", "checksum", "field"),
    [(3, "", "header.declared_rows"), (2, "0" * 64, "header.checksum")],
)
async def test_a_file_cut_off_on_its_way_is_refused_whole_and_empties_nothing(
    stock: Running, declared: int, checksum: str, field: str
) -> None:
    await stock.signal(sequence=1, snapshot=10)
    job_id = await opened(stock, {CAP: 1, MUG: 1}, declared_rows=declared, checksum=checksum)
    with pytest.raises(RemoteError) as refused:
        await close(stock, job_id)
    assert refused.value.reason == "STOCK_SNAPSHOT_INCOMPLETE"
    assert refused.value.metadata["field"] == field
    assert (await job_of(stock, job_id)).state == State.STATE_REFUSED
    assert await apply_all(stock) == 0
    assert (await stock.position(TEE)).on_hand == 10
    assert await stock.rows("SELECT count(*) FROM snapshot_row") == [(0,)]


async def test_a_right_checksum_is_accepted(stock: Running) -> None:
    rows = {TEE: 5, CAP: 6}
    job = await submitted(stock, rows, checksum=checksum_of(rows.items()))
    assert job.state == State.STATE_APPLIED


@pytest.mark.parametrize(
    ("rows", "rule", "sku"),
    [
        ({TEE: 1, "NOPE": 1}, "SKU_UNKNOWN", "NOPE"),
        ({TEE: 2**60, CAP: 1}, "QUANTITY_OUT_OF_RANGE", TEE),
    ],
)
async def test_one_row_that_cannot_be_counted_refuses_the_whole(
    stock: Running, rows: Mapping[str, int], rule: str, sku: str
) -> None:
    job_id = await opened(stock, rows)
    with pytest.raises(RemoteError) as refused:
        await close(stock, job_id)
    metadata = refused.value.metadata
    assert (refused.value.reason, metadata["rule"], metadata["sku"]) == (
        "SNAPSHOT_ROWS_WRONG",
        rule,
        sku,
    )
    assert await stock.rows("SELECT count(*) FROM stock_signal") == [(0,)]


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"location": "MOON"}, "LOCATION_UNKNOWN", "header.location"),
        ({"epoch": 3}, "EPOCH_AHEAD", "header.epoch"),
        ({"state": wire.LedgerEntry.BUCKET_OUTSIDE}, "SIGNAL_UNSUITABLE", "header.state"),
    ],
)
async def test_a_header_that_cannot_be_right_is_refused_before_any_row(
    stock: Running, values: Mapping[str, object], reason: str, field: str
) -> None:
    with pytest.raises(RemoteError) as refused:
        await opened(stock, {}, **values)
    assert (refused.value.reason, refused.value.metadata["field"]) == (reason, field)


async def test_a_part_sent_again_counts_once_and_a_closed_snapshot_takes_none(
    stock: Running,
) -> None:
    job_id = await opened(stock, {TEE: 5}, declared_rows=2)
    assert await add(stock, job_id, {TEE: 5, CAP: 1}) == 2
    assert (await close(stock, job_id)).state == State.STATE_ACCEPTED
    with pytest.raises(RemoteError) as refused:
        await add(stock, job_id, {MUG: 1})
    assert refused.value.reason == "SNAPSHOT_CLOSED"
    assert await apply_all(stock) > 0


@pytest.mark.parametrize("part", [1, 2])
async def test_a_crash_between_two_parts_does_nothing_twice_and_forgets_nothing(
    stock: Running, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """Broken on purpose: with the rows deleted in a transaction of their own TEE stays at 1."""
    await submitted(stock, {TEE: 1, CAP: 2, MUG: 3})
    job_id = await opened(stock, {TEE: 5, CAP: 2, MUG: 4}, sequence=20)
    await close(stock, job_id)
    chunks = SnapshotChunks(stock.units, stock.clock)
    for _ in range(part - 1):
        await chunks.apply_next()
    fault = fault_points.parse("inventory.snapshot_chunk:raise")
    monkeypatch.setattr(fault_points, "_faults", fault)
    monkeypatch.setattr(fault_points, "_passes", Counter())
    with pytest.raises(fault_points.FaultInjected):
        await chunks.apply_next()
    monkeypatch.undo()
    await apply_all(stock)
    job = await job_of(stock, job_id)
    assert (job.state, job.applied_rows, job.changed_rows) == (State.STATE_APPLIED, 3, 2)
    stands = [(await stock.position(sku)).on_hand for sku in (TEE, CAP, MUG)]
    assert stands == [5, 2, 4]
    assert await stock.differences() == []


async def test_a_snapshot_takes_no_more_than_it_declared_and_is_given_up_when_nobody_closes_it(
    stock: Running,
) -> None:
    job_id = await opened(stock, {TEE: 5}, declared_rows=1)
    with pytest.raises(RemoteError) as refused:
        await add(stock, job_id, {CAP: 1})
    assert refused.value.reason == "STOCK_SNAPSHOT_INCOMPLETE"
    assert (await job_of(stock, job_id)).received_rows == 1
    stock.clock.advance(25 * 3600)
    ids = Uuid7Factory(stock.clock)
    await StreamWatch(stock.units, stock.clock, ids, gap_wait=timedelta(seconds=30)).watch()
    job = await job_of(stock, job_id)
    assert (job.state, job.reason) == (State.STATE_REFUSED, "ABANDONED")
    assert await stock.rows("SELECT count(*) FROM snapshot_row") == [(0,)]


async def test_reservations_during_a_snapshot_lose_nothing(stock: Running) -> None:
    skus = [f"S-{n:03}" for n in range(60)]
    await stock.catalogue(skus)
    await submitted(stock, dict.fromkeys(skus, 10))
    job_id = await opened(stock, {sku: 10 + n % 2 for n, sku in enumerate(skus)}, sequence=20)
    await close(stock, job_id)
    await asyncio.gather(
        apply_all(stock),
        apply_all(stock),
        *(stock.reserve(line(sku, 3)) for sku in skus),
        *(stock.signal(sku=sku, sequence=21 + n, delta=-1) for n, sku in enumerate(skus)),
    )
    await apply_all(stock)
    for n, sku in enumerate(skus):
        position = await stock.position(sku)
        assert (position.on_hand, position.hard_reserved) == (9 + n % 2, 3), sku
    assert await stock.differences() == []


async def test_jobs_are_listed_newest_first(stock: Running) -> None:
    made = [await opened(stock, {}, sequence=n) for n in (1, 2, 3)]
    page = await stock.signals.ListSnapshotJobs(api.ListSnapshotJobsRequest(page_size=2))
    rest = await stock.signals.ListSnapshotJobs(
        api.ListSnapshotJobsRequest(page_size=2, page_token=page.next_page_token)
    )
    assert sorted(job.id for job in (*page.jobs, *rest.jobs)) == sorted(made)
    with pytest.raises(RemoteError) as refused:
        await stock.signals.ListSnapshotJobs(
            api.ListSnapshotJobsRequest(source="x", page_token=page.next_page_token)
        )
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


async def test_a_source_that_does_not_own_the_place_cannot_open_a_snapshot(
    stock: Running,
) -> None:
    await stock.register(owner("pos/*", owns=[]))
    with pytest.raises(RemoteError) as refused:
        await opened(stock, {}, source="pos/1")
    assert refused.value.reason == "SOURCE_NOT_OWNER"


def parts(
    stock: Running, rows: Mapping[str, int], request_id: str, declared: int
) -> list[api.SubmitSnapshotRequest]:
    header = api.SnapshotHeader(
        source=SOURCE,
        sequence=10,
        scope=FULL,
        location=DC,
        declared_rows=declared,
        as_of_time=at(stock.clock.now()),
    )
    told = [
        api.SubmitSnapshotRequest(
            request_id=request_id,
            rows=api.SnapshotRows(rows=[api.SnapshotRow(sku=sku, quantity=quantity)]),
        )
        for sku, quantity in rows.items()
    ]
    return [api.SubmitSnapshotRequest(request_id=request_id, header=header), *told]


async def sent(messages: Sequence[object]) -> AsyncIterator[object]:
    for message in messages:
        yield message


async def test_a_streamed_snapshot_that_broke_goes_on_when_it_is_sent_again(
    stock: Running,
) -> None:
    request_id = new_id()
    told = parts(stock, {TEE: 5, CAP: 6}, request_id, 2)

    async def broken() -> AsyncIterator[object]:
        for message in told[:2]:
            yield message
        raise ConnectionError("cut off")

    with pytest.raises((RemoteError, ConnectionError, asyncio.CancelledError)):
        await stock.signals.SubmitSnapshot(broken())
    assert (await stock.position(TEE)).on_hand == 0
    first = (await stock.signals.SubmitSnapshot(sent(told))).job
    again = (await stock.signals.SubmitSnapshot(sent(told))).job
    assert (first.id, first.total_rows) == (again.id, 2)
    await apply_all(stock)
    assert (await stock.position(CAP)).on_hand == 6


async def test_a_stream_without_all_its_rows_or_its_header_changes_nothing(
    stock: Running,
) -> None:
    with pytest.raises(RemoteError) as short:
        await stock.signals.SubmitSnapshot(sent(parts(stock, {TEE: 5}, new_id(), 2)))
    assert short.value.reason == "STOCK_SNAPSHOT_INCOMPLETE"
    with pytest.raises(RemoteError) as headless:
        await stock.signals.SubmitSnapshot(sent(parts(stock, {TEE: 5}, new_id(), 1)[1:]))
    assert headless.value.reason == "VALIDATION_FAILED"
    assert await apply_all(stock) == 0


async def test_streamed_signals_are_answered_message_by_message(stock: Running) -> None:
    def told(sequence: int, **values: object) -> api.StreamSignalsRequest:
        signal = api.StockSignal(
            source=SOURCE,
            sequence=sequence,
            sku=TEE,
            location=DC,
            effective_time=at(stock.clock.now()),
            **values,  # type: ignore[arg-type]  # fields by name
        )
        return api.StreamSignalsRequest(request_id=new_id(), signals=[signal])

    messages = [told(1, snapshot=10), told(2, delta=-1)]
    messages.append(messages[1])
    answers = [answer async for answer in stock.signals.StreamSignals(sent(messages))]
    assert [a.request_id for a in answers] == [m.request_id for m in messages]
    # The same message again gets the first answer, and one effect.
    assert [a.results[0].outcome for a in answers] == [api.SignalResult.OUTCOME_APPLIED] * 3
    assert (await stock.position(TEE)).on_hand == 9


async def test_a_row_that_only_looks_the_same_is_not_taken_for_it(stock: Running) -> None:
    """The figure is as booked, but a sale of ours or a later movement makes it another one."""
    await submitted(stock, {TEE: 5, CAP: 5})
    sale = reservations.RecordSaleRequest(
        request_id=new_id(), sale_ref="R-1", lines=[line(CAP, 1, line_id="1")]
    )
    await stock.reservations.RecordSale(sale)
    await submitted(stock, {MUG: 1}, sequence=11, scope=LISTED)
    await stock.signal(sequence=12, delta=1)
    stock.clock.advance(60)
    await submitted(stock, {TEE: 6, CAP: 4}, sequence=11, scope=LISTED)
    # Number 12 is no part of the count of number 11; the sale is part of what was counted.
    stands = [(await stock.position(sku)).on_hand for sku in (TEE, CAP)]
    assert stands == [7, 4]
    assert await stock.differences() == []
