"""Supply over the wire: what waits for it, receipts as one act, transfers, lateness."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from tandem.inventory.v1 import config_service_pb2 as config
from tandem.inventory.v1 import reservation_pb2
from tandem.inventory.v1 import reservation_service_pb2 as reservations
from tandem.inventory.v1 import stock_policy_pb2 as policy
from tandem.inventory.v1 import supply_line_pb2 as wire
from tandem.inventory.v1 import supply_service_pb2 as api
from tandem_inventory_availability.adapters.postgres.supply_reads import SupplyReads
from tandem_inventory_availability.entrypoints.supply_lateness_loop import SupplyLateness
from tandem_platform.remote_error import RemoteError

from .stock_under_test import (
    DC,
    DC2,
    HARD,
    SOFT,
    TEE,
    Running,
    at,
    line,
    new_id,
    outcomes,
    reserve_request,
)

PO = wire.SupplyLine.KIND_PURCHASE_ORDER
RECEIVED, CANCELLED = wire.SupplyLine.STATE_RECEIVED, wire.SupplyLine.STATE_CANCELLED


async def expect(
    stock: Running, supply_id: str, quantity: int, days: float = 3, **values: object
) -> wire.SupplyLine:
    """A supply line of TEE at DC."""
    told = api.SupplyLineInput(
        **{
            "id": supply_id,
            "sku": TEE,
            "location": DC,
            "kind": PO,
            "open_quantity": quantity,
            "expected_time": at(stock.clock.now() + timedelta(days=days)),
            **values,
        }
    )
    request = api.UpsertSupplyLinesRequest(request_id=new_id(), lines=[told])
    return (await stock.supply.UpsertSupplyLines(request)).supply_lines[0]


async def peg(
    stock: Running, quantity: int, kind: int = HARD, ttl_s: int = 0
) -> reservation_pb2.Reservation:
    request = reserve_request(line(TEE, quantity), kind=kind, ttl_s=ttl_s)
    request.mode = reservation_pb2.RESERVE_MODE_FILL_OR_PEG
    return (await stock.reservations.Reserve(request)).reservation


async def receive(
    stock: Running, supply_id: str, quantity: int, reference: str = "", **values: object
) -> wire.SupplyLine:
    request = api.ReceiveSupplyRequest(
        request_id=new_id(),
        supply_line_id=supply_id,
        receipt_ref=reference or new_id(),
        quantity=quantity,
        **values,
    )
    return (await stock.supply.ReceiveSupply(request)).supply_line


async def current(stock: Running, reservation: reservation_pb2.Reservation) -> tuple[int, int, int]:
    """Units waiting for supply, units short, units open of its line."""
    request = reservations.GetReservationRequest(reservation_id=reservation.id)
    found = (await stock.reservations.GetReservation(request)).reservation.lines[0]
    return (
        found.pegged_quantity,
        found.short_quantity,
        found.quantity - found.released_quantity - found.shipped_quantity,
    )


async def test_a_receipt_gives_units_to_who_waited_and_the_rest_to_all(stock: Running) -> None:
    await stock.count(TEE, 2)
    await expect(stock, "PO-1", 10)
    waiting = await peg(stock, 5)
    assert await current(stock, waiting) == (3, 0, 5)
    assert await stock.available(TEE) == 0
    done = await receive(stock, "PO-1", 10)
    assert (done.state, done.open_quantity, done.pegged_quantity) == (RECEIVED, 0, 0)
    assert await current(stock, waiting) == (0, 0, 5)
    assert await stock.available(TEE) == 7
    assert await stock.differences() == []


async def test_a_part_goes_to_accepted_orders_before_holds_and_to_the_older_first(
    stock: Running,
) -> None:
    await expect(stock, "PO-1", 10)
    hold = await peg(stock, 3, kind=SOFT, ttl_s=600)
    stock.clock.advance(1)
    first = await peg(stock, 3)
    stock.clock.advance(1)
    second = await peg(stock, 3)
    await receive(stock, "PO-1", 4)
    waiting = [(await current(stock, x))[0] for x in (first, second, hold)]
    assert waiting == [0, 2, 3]
    await receive(stock, "PO-1", 3)
    waiting = [(await current(stock, x))[0] for x in (first, second, hold)]
    assert waiting == [0, 0, 2]
    assert await stock.differences() == []


async def test_a_receipt_has_one_effect_per_reference(stock: Running) -> None:
    await expect(stock, "PO-1", 10)
    for _ in range(2):
        await receive(stock, "PO-1", 4, "GR-1")
    assert await stock.available(TEE) == 4
    await receive(stock, "PO-1", 4, "GR-2")
    assert await stock.available(TEE) == 8


async def test_two_receipts_at_once_book_both_and_one_reference_at_once_books_one(
    stock: Running,
) -> None:
    await expect(stock, "PO-1", 10)
    await outcomes(*(receive(stock, "PO-1", 3, f"GR-{n % 2}") for n in range(6)))
    assert await stock.available(TEE) == 6
    listed = await stock.supply.ListSupply(api.ListSupplyRequest(sku=TEE))
    assert [(x.open_quantity, x.received_quantity) for x in listed.supply_lines] == [(4, 6)]


async def test_pegging_and_receiving_at_once_lose_no_unit(stock: Running) -> None:
    await expect(stock, "PO-1", 20)
    await outcomes(
        *(peg(stock, 2) for _ in range(6)), *(receive(stock, "PO-1", 5) for _ in range(4))
    )
    assert await stock.differences() == []
    held = await stock.rows(
        "SELECT sum((l->>'quantity')::int), sum(COALESCE((l->>'pegged')::int, 0))"
        " FROM reservation, jsonb_array_elements(lines) AS l"
    )
    supply = await stock.rows("SELECT open, pegged, received FROM supply_line")
    assert supply == [(0, 0, 20)]
    assert held == [(12, 0)]
    assert await stock.available(TEE) == 8


async def test_the_next_count_of_the_source_contains_a_receipt(stock: Running) -> None:
    await stock.count(TEE, 10)
    await expect(stock, "PO-1", 5)
    await receive(stock, "PO-1", 5)
    assert await stock.available(TEE) == 15
    stock.clock.advance(60)
    await stock.count(TEE, 15, sequence=2)
    assert await stock.available(TEE) == 15


async def test_goods_the_source_reports_are_not_booked_twice(stock: Running) -> None:
    await stock.count(TEE, 2)
    await expect(stock, "PO-1", 5)
    waiting = await peg(stock, 4)
    await receive(stock, "PO-1", 5, reported_by_source=True)
    assert await stock.available(TEE) == 0
    stock.clock.advance(60)
    await stock.count(TEE, 7, sequence=2)
    assert await current(stock, waiting) == (0, 0, 4)
    assert await stock.available(TEE) == 3


async def test_units_held_for_quality_fulfil_nobody(stock: Running) -> None:
    await expect(stock, "PO-1", 5)
    waiting = await peg(stock, 4)
    await receive(stock, "PO-1", 2, state=api.ReceiveSupplyRequest.STATE_QUALITY_HOLD)
    assert await stock.available(TEE) == 0
    assert await current(stock, waiting) == (3, 1, 3)
    assert (await stock.position(TEE)).unsellable == 2


async def test_cancelled_supply_leaves_who_waited_short_and_tells_it(stock: Running) -> None:
    await stock.count(TEE, 1)
    await expect(stock, "PO-1", 5)
    waiting = await peg(stock, 3)
    request = api.CancelSupplyRequest(request_id=new_id(), supply_line_id="PO-1")
    assert (await stock.supply.CancelSupply(request)).supply_line.state == CANCELLED
    assert await current(stock, waiting) == (0, 2, 1)
    told = await stock.rows(
        "SELECT count(*) FROM event_journal WHERE type LIKE '%ReservationChanged'"
    )
    assert told == [(1,)]
    assert await stock.differences() == []


async def test_less_confidence_leaves_the_last_promise_short(stock: Running) -> None:
    await expect(stock, "PO-1", 10)
    first = await peg(stock, 6)
    stock.clock.advance(1)
    last = await peg(stock, 4)
    await expect(stock, "PO-1", 10, confidence_bp=7500)
    assert await current(stock, first) == (6, 0, 6)
    assert await current(stock, last) == (1, 3, 1)


async def test_a_line_keeps_its_position_and_a_closed_one_stays_closed(stock: Running) -> None:
    await expect(stock, "PO-1", 10)
    with pytest.raises(RemoteError) as moved:
        await expect(stock, "PO-1", 10, location=DC2)
    await receive(stock, "PO-1", 10)
    with pytest.raises(RemoteError) as closed:
        await expect(stock, "PO-1", 10)
    with pytest.raises(RemoteError) as again:
        await receive(stock, "PO-1", 1)
    reasons = [e.value.reason for e in (moved, closed, again)]
    assert reasons == ["SUPPLY_LINE_FIXED", "SUPPLY_LINE_STATE", "SUPPLY_LINE_STATE"]


async def transfer(
    stock: Running, quantity: int, transfer_id: str = "T-1"
) -> list[wire.SupplyLine]:
    request = api.StartTransferRequest(
        request_id=new_id(),
        transfer_id=transfer_id,
        from_location=DC,
        to_location=DC2,
        expected_time=at(stock.clock.now() + timedelta(days=1)),
        lines=[api.TransferLine(line_id="1", sku=TEE, quantity=quantity)],
    )
    return list((await stock.supply.StartTransfer(request)).supply_lines)


async def arrive(
    stock: Running, quantity: int, reference: str, **values: object
) -> wire.SupplyLine:
    request = api.ReceiveTransferRequest(
        request_id=new_id(),
        transfer_id="T-1",
        receipt_ref=reference,
        lines=[api.TransferArrival(line_id="1", quantity=quantity)],
        **values,
    )
    return (await stock.supply.ReceiveTransfer(request)).supply_lines[0]


async def test_goods_on_their_way_are_promised_at_neither_end_and_arrive_in_parts(
    stock: Running,
) -> None:
    await stock.count(TEE, 10)
    assert [x.open_quantity for x in await transfer(stock, 6)] == [6]
    assert [x.open_quantity for x in await transfer(stock, 6)] == [6]
    assert (await stock.available(TEE), await stock.available(TEE, DC2)) == (4, 0)
    assert (await stock.position(TEE)).in_transit == 6
    for _ in range(2):
        await arrive(stock, 4, "A-1")
    assert (await stock.position(TEE)).in_transit == 2
    assert await stock.available(TEE, DC2) == 4
    done = await arrive(stock, 1, "A-2", close=True, discrepancy_reason="LOST")
    assert (done.state, done.received_quantity) == (RECEIVED, 5)
    assert (await stock.position(TEE)).in_transit == 0
    assert await stock.available(TEE, DC2) == 5
    told = await stock.rows(
        "SELECT count(*) FROM event_journal WHERE type LIKE '%TransferDiscrepancyFound'"
    )
    assert told == [(1,)]
    assert await stock.differences() == []


async def test_claimed_units_do_not_leave(stock: Running) -> None:
    await stock.count(TEE, 10)
    await stock.reserve(line(TEE, 7))
    with pytest.raises(RemoteError) as refused:
        await transfer(stock, 4)
    assert refused.value.reason == "INSUFFICIENT_STOCK"
    assert (await stock.position(TEE)).on_hand == 10


async def test_the_id_of_a_transfer_names_one(stock: Running) -> None:
    await stock.count(TEE, 10)
    await transfer(stock, 4)
    with pytest.raises(RemoteError) as refused:
        await transfer(stock, 5)
    assert refused.value.reason == "TRANSFER_KNOWN"


async def test_overdue_supply_is_told_once_then_daily_and_at_last_counts_no_more(
    stock: Running,
) -> None:
    entry = policy.PolicyEntry(
        id="late", supply=policy.SupplyPolicy(zero_after=Duration(seconds=2 * 86400))
    )
    await stock.config.PutPolicies(config.PutPoliciesRequest(request_id=new_id(), entries=[entry]))
    await expect(stock, "PO-1", 5, days=1)
    waiting = await peg(stock, 3)
    loop = SupplyLateness(stock.units, SupplyReads(stock.database, stock.clock), stock.clock)
    assert await loop.tell() == 0
    stock.clock.advance(86_400)
    assert [await loop.tell() for _ in range(2)] == [1, 0]
    found = (await stock.supply.ListSupply(api.ListSupplyRequest())).supply_lines[0]
    assert found.ready_time.ToDatetime() > stock.clock.now().replace(tzinfo=None)
    assert (found.promised_quantity, await current(stock, waiting)) == (5, (3, 0, 3))
    stock.clock.advance(86_400)
    assert await loop.tell() == 1
    stock.clock.advance(86_400)
    assert await loop.tell() == 1
    found = (await stock.supply.ListSupply(api.ListSupplyRequest())).supply_lines[0]
    assert (found.open_quantity, found.promised_quantity) == (5, 0)
    assert await current(stock, waiting) == (0, 3, 0)
    told = await stock.rows(
        "SELECT type, count(*) FROM event_journal WHERE agg_type = 'supply_line'"
        " AND type NOT LIKE '%SupplyLineChanged' GROUP BY 1 ORDER BY 1"
    )
    assert told == [
        ("tandem.inventory.v1.SupplyOverdue", 1),
        ("tandem.inventory.v1.SupplyRedated", 2),
    ]
