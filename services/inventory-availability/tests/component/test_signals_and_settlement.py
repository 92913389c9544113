"""Physical stock by signals, and how shipped units leave, on real Postgres."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from datetime import timedelta

import pytest
from tandem.connector.v1 import events_pb2
from tandem.inventory.v1 import availability_service_pb2 as availability
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem_core.errors import DomainError
from tandem_inventory_availability.domain.errors import (
    LocationUnknown,
    SignalConflict,
    SkuUnknown,
    UnsupportedEnum,
)
from tandem_platform.delivery import Delivery
from tandem_platform.remote_error import RemoteError

from .stock_under_test import (
    CAP,
    DC,
    DC2,
    MUG,
    STORE,
    TEE,
    TENANT,
    Running,
    at,
    line,
    new_id,
)

Outcome = signals.SignalResult


async def test_outcomes_follow_the_numbers_of_the_source(stock: Running) -> None:
    said: list[tuple[Mapping[str, object], int]] = [
        ({"sequence": 1, "snapshot": 10}, Outcome.OUTCOME_APPLIED),
        ({"sequence": 2, "delta": 5}, Outcome.OUTCOME_APPLIED),
        ({"sequence": 2, "delta": 5}, Outcome.OUTCOME_DUPLICATE),
        ({"sequence": 2, "delta": 6}, Outcome.OUTCOME_CONFLICT),
        ({"sequence": 2, "delta": 5, "sku": CAP}, Outcome.OUTCOME_CONFLICT),
        ({"sequence": 4, "delta": -3}, Outcome.OUTCOME_APPLIED_WITH_GAP),
        ({"sequence": 5, "delta": 7}, Outcome.OUTCOME_HELD_BACK),
        ({"sequence": 1, "delta": 1, "sku": "NOPE"}, Outcome.OUTCOME_REFUSED),
    ]
    for values, outcome in said:
        assert (await stock.signal(**values)).outcome == outcome, values
    position = await stock.position()
    assert (position.on_hand, position.gap) == (12, True)
    assert (await stock.signal(sequence=3, delta=-1)).outcome == Outcome.OUTCOME_APPLIED
    position = await stock.position()
    assert (position.on_hand, position.gap) == (18, False)
    assert (await stock.signal(sequence=8, snapshot=20)).outcome == Outcome.OUTCOME_APPLIED
    assert (await stock.signal(sequence=7, delta=9)).outcome == Outcome.OUTCOME_SUPERSEDED
    assert (await stock.signal(sequence=6, snapshot=1)).outcome == Outcome.OUTCOME_STALE
    assert (await stock.position()).on_hand == 20
    assert await stock.differences() == []


async def test_a_gap_of_one_sku_is_closed_by_a_signal_of_another(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=2, snapshot=4, sku=CAP)
    held = await stock.signal(sequence=4, delta=5)
    assert held.outcome == Outcome.OUTCOME_HELD_BACK
    assert await stock.available() == 10
    await stock.signal(sequence=3, delta=-1, sku=CAP)
    position = await stock.position()
    assert (position.on_hand, position.gap) == (15, False)


async def test_any_order_of_signals_over_many_calls_ends_in_the_same_stock(
    stock: Running,
) -> None:
    said = [(1, "snapshot", 10), (2, "delta", 5), (3, "snapshot", 20), (4, "delta", -2)]
    places = [f"P-{number}" for number in range(24)]
    kind = catalog.Location.KIND_STORE
    locations = [catalog.Location(id=place, kind=kind) for place in places]
    await stock.catalog.PutLocations(
        catalog.PutLocationsRequest(request_id=new_id(), locations=locations)
    )
    for number, order in enumerate(itertools.permutations(said)):
        place = places[number]
        for sequence, kind, quantity in (*order, order[0]):
            values = {"source": f"s/{number}", "location": place, kind: quantity}
            await stock.signal(sku=MUG, sequence=sequence, **values)
        # Each order comes from a source and for a place of its own.
        assert (await stock.position(MUG, place)).on_hand == 18, order
    assert await stock.differences() == []


async def test_a_gap_makes_the_answer_say_so(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    await stock.signal(sequence=3, delta=-1)
    request = availability.GetAvailabilityRequest(skus=[TEE, CAP])
    await stock.count(CAP, 1)
    answers = (await stock.availability.GetAvailability(request)).availabilities
    told = {answer.sku: answer.confidence for answer in answers}
    assert told == {
        TEE: availability.Availability.CONFIDENCE_GAP,
        CAP: availability.Availability.CONFIDENCE_HIGH,
    }
    stock.clock.advance(3601)
    answers = (await stock.availability.GetAvailability(request)).availabilities
    assert answers[0].confidence == availability.Availability.CONFIDENCE_STALE
    assert answers[0].source_lag_ms == 3_601_000


async def test_without_locations_only_those_that_ship_answer(stock: Running) -> None:
    await stock.count(TEE, 1, DC2)
    await stock.count(TEE, 2, DC)
    await stock.count(TEE, 3, STORE)
    request = availability.GetAvailabilityRequest(skus=[TEE])
    answers = (await stock.availability.GetAvailability(request)).availabilities
    assert [(a.location, a.available) for a in answers] == [(DC, 2), (DC2, 1)]
    with pytest.raises(RemoteError) as refused:
        await stock.availability.GetAvailability(
            availability.GetAvailabilityRequest(skus=[TEE, "NOPE"])
        )
    assert (refused.value.reason, refused.value.metadata["field"]) == ("SKU_UNKNOWN", "skus[1]")


@pytest.mark.parametrize("shipment_first", [True, False])
async def test_shipped_units_leave_once_whichever_side_speaks_first(
    stock: Running, shipment_first: bool
) -> None:
    await stock.signal(sequence=1, snapshot=10)
    made = await stock.reserve(line(TEE, 3))
    if shipment_first:
        shipped = await stock.ship(made, "SHP-1", 3)
        assert shipped.state == wire.Reservation.STATE_CONFIRMED
        position = await stock.position()
        assert (position.hard_reserved, position.unsettled, position.available) == (0, 3, 7)
        await stock.signal(sequence=2, delta=-3, reference="SHP-1")
    else:
        await stock.signal(sequence=2, delta=-3, reference="SHP-1")
        assert await stock.available() == 4
        await stock.ship(made, "SHP-1", 3)
    position = await stock.position()
    figures = (position.on_hand, position.hard_reserved, position.unsettled, position.available)
    assert figures == (7, 0, 0, 7)
    request = api.GetReservationRequest(reservation_id=made.id)
    found = (await stock.reservations.GetReservation(request)).reservation
    assert found.state == wire.Reservation.STATE_CONSUMED
    assert await stock.differences() == []


async def test_a_movement_told_twice_settles_once(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    made = await stock.reserve(line(TEE, 4))
    await stock.ship(made, "SHP-1", 4)
    for _ in range(2):
        await stock.signal(sequence=2, delta=-2, reference="SHP-1")
    position = await stock.position()
    assert (position.on_hand, position.unsettled, position.available) == (8, 2, 6)
    assert await stock.differences() == []


async def test_a_movement_a_snapshot_contains_still_settles(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    made = await stock.reserve(line(TEE, 4))
    await stock.ship(made, "SHP-1", 4)
    await stock.signal(sequence=3, snapshot=6)
    assert await stock.available() == 2
    late = await stock.signal(sequence=2, delta=-4, reference="SHP-1")
    assert late.outcome == Outcome.OUTCOME_SUPERSEDED
    position = await stock.position()
    assert (position.on_hand, position.unsettled, position.available) == (6, 0, 6)


async def test_settlement_and_movement_at_once_never_lose_each_other(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=100)
    made = [await stock.reserve(line(TEE, 2)) for _ in range(10)]
    await asyncio.gather(
        *(stock.ship(item, f"SHP-{n}", 2) for n, item in enumerate(made)),
        *(stock.signal(sequence=n + 2, delta=-2, reference=f"SHP-{n}") for n in range(10)),
    )
    position = await stock.position()
    assert (position.on_hand, position.hard_reserved, position.unsettled) == (80, 0, 0)
    assert await stock.differences() == []


async def test_a_sale_goes_below_zero_and_is_booked_once(stock: Running) -> None:
    await stock.count(TEE, 1, STORE)
    for _ in range(2):
        request = api.RecordSaleRequest(
            request_id=new_id(), sale_ref="R-1", lines=[line(TEE, 3, STORE, "1")]
        )
        answer = await stock.reservations.RecordSale(request)
    position = answer.stock_positions[0]
    assert (position.on_hand, position.available, position.position) == (-2, 0, 2)
    assert await stock.differences() == []


async def test_a_count_contains_the_sales_before_it_and_not_those_after(stock: Running) -> None:
    now = stock.clock.now()
    await stock.signal(sequence=1, snapshot=10, location=STORE)
    for minutes, name in ((10, "R-1"), (30, "R-2")):
        request = api.RecordSaleRequest(
            request_id=new_id(),
            sale_ref=name,
            lines=[line(TEE, 1, STORE, "1")],
            sale_time=at(now + timedelta(minutes=minutes)),
        )
        await stock.reservations.RecordSale(request)
    assert (await stock.position(location=STORE)).on_hand == 8
    counted_at = at(now + timedelta(minutes=20))
    stock.clock.advance(1800)
    await stock.signal(sequence=2, snapshot=9, location=STORE, effective_time=counted_at)
    assert (await stock.position(location=STORE)).on_hand == 8
    assert await stock.differences() == []


async def test_each_disposition_moves_what_it_says_and_only_once(stock: Running) -> None:
    await stock.count(TEE, 5)
    kinds = (
        (api.DISPOSITION_RESTOCK, 1),
        (api.DISPOSITION_SCRAP, 2),
        (api.DISPOSITION_QUARANTINE, 3),
        (api.DISPOSITION_KEEP, 4),
    )
    lines = [
        api.DispositionLine(
            line_id=str(kind), sku=TEE, location=DC, quantity=quantity, disposition=kind
        )
        for kind, quantity in kinds
    ]
    for _ in range(2):
        request = api.ApplyDispositionRequest(request_id=new_id(), return_ref="RET-1", lines=lines)
        await stock.reservations.ApplyDisposition(request)
    position = await stock.position()
    assert (position.on_hand, position.unsellable, position.available) == (6, 3, 6)
    lines[0].disposition = 17  # type: ignore[assignment]  # of a newer contract
    with pytest.raises(RemoteError) as refused:
        await stock.reservations.ApplyDisposition(
            api.ApplyDispositionRequest(request_id=new_id(), return_ref="RET-2", lines=lines)
        )
    assert refused.value.reason == "UNSUPPORTED_ENUM"
    assert await stock.differences() == []


async def test_lists_go_on_where_their_page_ended(stock: Running) -> None:
    for sku in (TEE, CAP, MUG):
        await stock.count(sku, 5)
    seen, token = [], ""
    for _ in range(3):
        page = await stock.availability.ListStockPositions(
            availability.ListStockPositionsRequest(page_size=1, page_token=token)
        )
        seen += [position.sku for position in page.stock_positions]
        token = page.next_page_token
    assert (seen, token) == ([CAP, MUG, TEE], "")
    await stock.signal(source=f"count/{TEE}/{DC}", sequence=2, delta=-1, cause="ADJUSTMENT")
    request = availability.ListLedgerEntriesRequest(sku=TEE, location=DC)
    entries = (await stock.availability.ListLedgerEntries(request)).ledger_entries
    assert [(e.position, e.quantity, e.cause) for e in entries] == [
        (2, 1, "ADJUSTMENT"),
        (1, 5, "SNAPSHOT"),
    ]


async def test_a_broken_projection_is_found(stock: Running) -> None:
    await stock.count(TEE, 5)
    await stock.reserve(line(TEE, 2))
    async with stock.units() as uow:
        await uow.connection.exec_driver_sql("UPDATE stock_position SET on_hand = 6, hard = 1")
        await uow.commit()
    found = await stock.differences()
    assert found == [
        f"{TEE}@{DC} hard_reserved",
        f"{TEE}@{DC} on_hand",
        f"{TEE}@{DC} source_figure",
    ]


def moved(stock: Running, sequence: int, delta: int, version: int, **values: object) -> Delivery:
    event = events_pb2.StockMovementReported(
        provenance=events_pb2.Provenance(connection_id="wms"),
        sequence=sequence,
        move_time=at(stock.clock.now()),
        delta=delta,
        **{  # type: ignore[arg-type]  # fields by name
            "sku": TEE,
            "location": DC,
            "cause": events_pb2.StockMovementReported.CAUSE_RECEIPT,
            **values,
        },
    )
    return delivery(stock, event.DESCRIPTOR.full_name, event.SerializeToString(), version)


def counted(
    stock: Running, sequence: int, counts: Mapping[tuple[str, str], int], version: int
) -> Delivery:
    event = events_pb2.StockSnapshotReported(
        provenance=events_pb2.Provenance(connection_id="wms"),
        sequence=sequence,
        as_of_time=at(stock.clock.now()),
        snapshot_id=f"S-{sequence}",
        lines=[
            events_pb2.StockSnapshotLine(sku=sku, location=location, quantity=quantity)
            for (sku, location), quantity in counts.items()
        ],
    )
    return delivery(stock, event.DESCRIPTOR.full_name, event.SerializeToString(), version)


def delivery(stock: Running, event_type: str, payload: bytes, version: int) -> Delivery:
    return Delivery(
        event_id=new_id(),
        event_type=event_type,
        aggregate_type="stock_feed",
        aggregate_id="wms|main",
        aggregate_version=version,
        occurred_at=stock.clock.now(),
        tenant=TENANT,
        source="connectors",
        payload=payload,
        headers={},
    )


async def feed(stock: Running, *deliveries: Delivery) -> None:
    async with stock.units() as uow:
        await stock.feeds.apply(uow, deliveries)
        await uow.commit()


async def test_a_feed_in_chunks_sets_the_stock_whatever_comes_first(stock: Running) -> None:
    later = moved(stock, 2, 5, 3)
    first = counted(stock, 0, {(TEE, DC): 10, (CAP, DC): 4}, 1)
    second = counted(stock, 0, {(TEE, DC2): 3}, 2)
    await feed(stock, moved(stock, 1, -1, 4), later)
    await feed(stock, first, second, first, later)
    assert (await stock.position()).on_hand == 14
    assert (await stock.position(CAP)).on_hand == 4
    assert (await stock.position(location=DC2)).on_hand == 3
    assert await stock.rows("SELECT tenant, source FROM stock_source") == [(TENANT, "wms/main")]
    assert await stock.differences() == []


@pytest.mark.parametrize(
    ("values", "error", "field"),
    [
        ({"sku": "NOPE"}, SkuUnknown, "sku"),
        ({"location": "MOON"}, LocationUnknown, "location"),
        ({"cause": 9}, UnsupportedEnum, "cause"),
    ],
)
async def test_a_feed_event_that_cannot_be_booked_names_its_field(
    stock: Running, values: Mapping[str, object], error: type[DomainError], field: str
) -> None:
    with pytest.raises(error) as refused:
        await feed(stock, moved(stock, 1, 5, 1), moved(stock, 2, 1, 2, **values))
    assert refused.value.metadata()["field"] == field
    assert await stock.rows("SELECT count(*) FROM stock_signal") == [(0,)]


async def test_a_number_used_twice_for_other_goods_is_a_conflict(stock: Running) -> None:
    await feed(stock, moved(stock, 1, 5, 1))
    with pytest.raises(SignalConflict):
        await feed(stock, moved(stock, 1, 6, 2))
    assert (await stock.position()).on_hand == 5
