"""Who may report, and what waits for somebody: on real Postgres."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from tandem.inventory.v1 import events_pb2
from tandem.inventory.v1 import signal_service_pb2 as api
from tandem.inventory.v1 import source_service_pb2 as sources
from tandem.inventory.v1 import stock_position_pb2 as wire
from tandem_core.clock import FixedClock
from tandem_platform.remote_error import RemoteError

from .source_steps import put, replay, told
from .stock_under_test import (
    DC,
    DC2,
    SOURCE,
    STORE,
    TEE,
    Running,
    at,
    new_id,
    owner,
    running_stock,
)

Outcome = api.SignalResult


async def test_a_source_nobody_registered_is_refused_by_name(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> None:
    url = migrated_database("tandem_inventory_availability")
    async with running_stock(url, clock) as stock:
        await stock.execute("DELETE FROM signal_source")
        await stock.execute("UPDATE source_registry SET version = version + 1")
        result = await stock.signal(sequence=1, snapshot=5)
        assert (result.outcome, result.reason, result.field) == (
            Outcome.OUTCOME_REFUSED,
            "SOURCE_UNKNOWN",
            "signals[0].source",
        )
        assert await stock.rows("SELECT count(*) FROM stock_signal") == [(0,)]


async def test_two_sources_that_would_own_one_place_are_refused(stock: Running) -> None:
    with pytest.raises(RemoteError) as refused:
        await put(stock, owner("erp/*", DC))
    assert refused.value.reason == "OWNERSHIP_OVERLAPS"
    assert refused.value.metadata["other"] == "*"
    await put(stock, owner("*", owns=[]), owner("wms/*", "DC-*"), owner("pos/*", "STORE-*"))
    listed = await stock.sources.ListSources(sources.ListSourcesRequest())
    assert [s.id for s in listed.sources] == ["*", "pos/*", "wms/*"]


async def test_a_dry_run_tells_the_impact_and_changes_nothing(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=5)
    wanted = owner("*", DC2)
    answer = await put(stock, wanted, dry_run=True)
    impact = answer.impacts[0]
    assert (impact.changed, impact.streams, impact.lost_positions) == (True, 1, 1)
    found = await stock.sources.GetSource(sources.GetSourceRequest(source_id="*"))
    assert (found.source.version, found.source.owns[0].location) == (1, "*")
    await put(stock, wanted, check_versions=False)
    result = await stock.signal(sequence=2, snapshot=9)
    assert result.reason == "SOURCE_NOT_OWNER"
    wanted.version = 1
    with pytest.raises(RemoteError) as refused:
        await put(stock, wanted, check_versions=True)
    assert refused.value.reason == "SOURCE_MOVED"


async def test_tills_and_warehouse_on_one_shelf_are_netted_by_what_the_count_covers(
    stock: Running,
) -> None:
    await put(stock, owner("pos/*", owns=[]))
    for number in (1, 2, 3):
        await stock.signal(source="pos/1", sequence=number, delta=-1, location=STORE)
    await stock.signal(sequence=1, snapshot=20, location=STORE, covers={"pos/1": 2})
    assert (await stock.position(location=STORE)).on_hand == 19
    await stock.signal(source="pos/1", sequence=4, delta=-2, location=STORE)
    await stock.signal(sequence=2, snapshot=18, location=STORE, covers={"pos/1": 4})
    assert (await stock.position(location=STORE)).on_hand == 18
    late = await stock.signal(source="pos/2", sequence=1, delta=-1, location=STORE)
    # Nothing says whether the count contains it: safe side, and somebody shall count.
    assert (late.outcome, late.ambiguous) == (Outcome.OUTCOME_APPLIED, True)
    assert (await stock.position(location=STORE)).on_hand == 17
    assert list((await replay(stock, dry_run=True)).differences) == []
    asked = await told(stock, events_pb2.StockCountRequested)
    assert [item.reason for item in asked] == ["AMBIGUOUS"]  # type: ignore[attr-defined]  # the event
    assert await stock.differences() == []


async def test_states_are_kept_apart_and_a_move_is_one_entry(stock: Running) -> None:
    damaged = wire.LedgerEntry.BUCKET_DAMAGED
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=2, move=api.StockMove(to_state=damaged, quantity=3))
    await stock.signal(sequence=3, delta=-1, state=damaged)
    position = await stock.position()
    assert (position.on_hand, position.unsellable) == (7, 2)
    assert await stock.differences() == []


async def test_a_variance_is_told_once(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=4, delta=-2)
    for _ in range(2):
        await stock.signal(sequence=3, snapshot=15)
    found = await told(stock, events_pb2.SnapshotVarianceBooked)
    variances = [v.variance for event in found for v in event.variances]  # type: ignore[attr-defined]  # the event
    assert variances == [10, 5]


async def parked(stock: Running, **values: object) -> str:
    await put(stock, owner("*", lateness_horizon=Duration(seconds=7200)))
    old = at(stock.clock.now() - timedelta(hours=3))
    result = await stock.signal(effective_time=old, **values)
    assert result.outcome == Outcome.OUTCOME_PARKED
    return str(result.parked_signal_id)


async def resolve(
    stock: Running, parked_id: str, resolution: int, edited: api.StockSignal | None = None
) -> api.SignalResult:
    request = api.ResolveParkedSignalRequest(
        request_id=new_id(),
        parked_signal_id=parked_id,
        resolution=resolution,  # type: ignore[arg-type]  # of the enum
        edited=edited,
        reason="looked at it",
    )
    return (await stock.signals.ResolveParkedSignal(request)).result


async def test_a_parked_signal_is_applied_as_it_came(stock: Running) -> None:
    parked_id = await parked(stock, sequence=1, snapshot=5)
    assert (await stock.position()).on_hand == 0
    listed = await stock.signals.ListParkedSignals(api.ListParkedSignalsRequest())
    assert [(p.id, p.reason, p.signal.snapshot) for p in listed.parked_signals] == [
        (parked_id, "TOO_OLD", 5)
    ]
    result = await resolve(stock, parked_id, api.ResolveParkedSignalRequest.RESOLUTION_APPLY)
    assert result.outcome == Outcome.OUTCOME_APPLIED
    assert (await stock.position()).on_hand == 5
    with pytest.raises(RemoteError) as refused:
        await resolve(stock, parked_id, api.ResolveParkedSignalRequest.RESOLUTION_DROP)
    assert refused.value.reason == "PARKED_SIGNAL_RESOLVED"
    left = await stock.signals.ListParkedSignals(api.ListParkedSignalsRequest())
    assert list(left.parked_signals) == []


async def test_a_parked_signal_is_edited_and_its_repeat_is_a_duplicate(stock: Running) -> None:
    old = at(stock.clock.now() - timedelta(hours=3))
    parked_id = await parked(stock, sequence=1, snapshot=5)
    edited = api.StockSignal(
        source=SOURCE, sequence=1, sku=TEE, location=DC, snapshot=50, effective_time=old
    )
    await resolve(stock, parked_id, api.ResolveParkedSignalRequest.RESOLUTION_EDIT, edited)
    assert (await stock.position()).on_hand == 50
    again = await stock.signal(sequence=1, snapshot=5, effective_time=old)
    assert again.outcome == Outcome.OUTCOME_DUPLICATE
    other = api.StockSignal()
    other.CopyFrom(edited)
    other.source = "wms/other"
    second = await parked(stock, sequence=2, snapshot=6)
    with pytest.raises(RemoteError) as refused:
        await resolve(stock, second, api.ResolveParkedSignalRequest.RESOLUTION_EDIT, other)
    assert refused.value.reason == "VALIDATION_FAILED"


async def test_a_dropped_signal_leaves_no_gap(stock: Running) -> None:
    parked_id = await parked(stock, sequence=1, delta=5)
    await stock.signal(sequence=2, delta=3)
    assert (await stock.position()).gap
    result = await resolve(stock, parked_id, api.ResolveParkedSignalRequest.RESOLUTION_DROP)
    assert result.outcome == Outcome.OUTCOME_DROPPED
    position = await stock.position()
    assert (position.on_hand, position.gap) == (3, False)


async def test_a_conflict_waits_for_somebody_too(stock: Running) -> None:
    await stock.signal(sequence=1, delta=5)
    result = await stock.signal(sequence=1, delta=6)
    listed = await stock.signals.ListParkedSignals(api.ListParkedSignalsRequest(source=SOURCE))
    assert [p.id for p in listed.parked_signals] == [result.parked_signal_id]
    applied = await resolve(
        stock, result.parked_signal_id, api.ResolveParkedSignalRequest.RESOLUTION_APPLY
    )
    assert applied.outcome == Outcome.OUTCOME_CONFLICT
    await resolve(stock, result.parked_signal_id, api.ResolveParkedSignalRequest.RESOLUTION_DROP)
    assert (await stock.position()).on_hand == 5


async def test_a_quantity_of_another_scale_is_parked(stock: Running) -> None:
    result = await stock.signal(sequence=1, snapshot=5, quantity_scale=3)
    assert (result.outcome, result.reason) == (Outcome.OUTCOME_PARKED, "WRONG_SCALE")


async def test_what_we_published_comes_back_as_an_echo(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=9)
    publication = api.StockPublication(
        source=SOURCE, sku=TEE, location=DC, quantity=4, correlation_token="T"
    )
    request = api.RegisterPublicationsRequest(request_id=new_id(), publications=[publication])
    assert (await stock.signals.RegisterPublications(request)).kept_count == 1
    result = await stock.signal(sequence=2, snapshot=4, correlation_token="T")
    assert result.outcome == Outcome.OUTCOME_ECHO
    assert (await stock.position()).on_hand == 9
    assert (await stock.signal(sequence=3, delta=-1)).outcome == Outcome.OUTCOME_APPLIED


async def test_a_database_from_before_the_registry_goes_on_and_can_be_said_better(
    stock: Running,
) -> None:
    await stock.execute("DELETE FROM signal_source")
    await stock.execute("""
        INSERT INTO signal_source (tenant, id, version, document)
        SELECT 'test-tenant', id, 1, '{"migrated": true, "owns": [{"location": "*", "states": []}]}'
        FROM unnest(ARRAY['wms/main', 'erp/main']) AS s (id)
    """)
    await stock.execute("UPDATE source_registry SET version = version + 1")
    assert (await stock.signal(sequence=1, snapshot=10)).outcome == Outcome.OUTCOME_APPLIED
    other = await stock.signal(source="erp/main", sequence=1, snapshot=4)
    assert other.reason == "SOURCE_NOT_OWNER"
    await put(stock, owner("wms/*"), owner("erp/*", owns=[]))
    listed = await stock.sources.ListSources(sources.ListSourcesRequest())
    assert [s.id for s in listed.sources] == ["erp/*", "wms/*"]
    assert (await stock.signal(sequence=2, snapshot=11)).outcome == Outcome.OUTCOME_APPLIED
