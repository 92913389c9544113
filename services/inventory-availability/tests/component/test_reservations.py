"""Reservations over the wire, on real Postgres."""

from __future__ import annotations

import asyncio

import pytest
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem_platform.remote_error import RemoteError

from .stock_under_test import (
    CAP,
    DC,
    DC2,
    MUG,
    SOFT,
    STORE,
    TEE,
    Running,
    line,
    new_id,
    outcomes,
    reserve_request,
)

State = wire.Reservation


async def test_reserved_units_are_not_promised_again_until_they_are_released(
    stock: Running,
) -> None:
    await stock.count(TEE, 10)
    made = await stock.reserve(line(TEE, 4))
    assert made.state == State.STATE_CONFIRMED
    position = await stock.position()
    assert (position.on_hand, position.hard_reserved, position.available) == (10, 4, 6)
    released = await stock.release(made.id)
    assert released.state == State.STATE_RELEASED
    assert await stock.available() == 10
    assert await stock.differences() == []


async def test_thirty_two_concurrent_reservers_fill_the_stock_exactly(stock: Running) -> None:
    await stock.count(TEE, 50)
    answers = await outcomes(*(stock.reserve(line(TEE, 3)) for _ in range(32)))
    made = [answer for answer in answers if isinstance(answer, wire.Reservation)]
    refused = [answer for answer in answers if isinstance(answer, RemoteError)]
    assert len(made) == 16
    assert {error.reason for error in refused} == {"INSUFFICIENT_STOCK"}
    assert (await stock.position()).hard_reserved == 48
    assert await stock.differences() == []


async def test_two_lines_of_one_sku_cannot_oversell(stock: Running) -> None:
    await stock.count(TEE, 5)
    with pytest.raises(RemoteError) as refused:
        await stock.reserve(line(TEE, 3, line_id="1"), line(TEE, 3, line_id="2"))
    assert refused.value.reason == "INSUFFICIENT_STOCK"
    assert refused.value.metadata["requested"] == "6"
    assert await stock.available() == 5


async def test_a_shortage_leaves_nothing_and_names_where_else_there_is_stock(
    stock: Running,
) -> None:
    await stock.count(TEE, 5)
    await stock.count(CAP, 1)
    await stock.count(CAP, 7, DC2)
    await stock.count(CAP, 9, STORE)
    with pytest.raises(RemoteError) as refused:
        await stock.reserve(line(TEE, 2), line(CAP, 3))
    shortage = refused.value.detail(wire.StockShortage)
    assert shortage is not None
    assert [(s.sku, s.requested, s.available) for s in shortage.shorts] == [(CAP, 3, 1)]
    # The store does not ship orders, so it is no alternative.
    assert [(a.location, a.available) for a in shortage.alternatives] == [(DC2, 7)]
    assert await stock.available() == 5
    assert await stock.rows("SELECT count(*) FROM reservation") == [(0,)]


async def test_one_request_id_makes_one_reservation(stock: Running) -> None:
    await stock.count(TEE, 10)
    request = reserve_request(line(TEE, 2))
    calls = (stock.reservations.Reserve(request) for _ in range(8))
    answers = await asyncio.gather(*calls)
    assert len({answer.reservation.id for answer in answers}) == 1
    assert await stock.available() == 8


async def test_one_request_id_with_another_body_is_refused(stock: Running) -> None:
    await stock.count(TEE, 10)
    request = reserve_request(line(TEE, 2))
    await stock.reservations.Reserve(request)
    request.lines[0].quantity = 3
    with pytest.raises(RemoteError) as refused:
        await stock.reservations.Reserve(request)
    assert refused.value.reason == "REQUEST_ID_REUSED"
    assert await stock.available() == 8


async def test_an_owner_reserving_again_replaces_its_own_hold(stock: Running) -> None:
    await stock.count(TEE, 5)
    first = await stock.reserve(line(TEE, 4), owner="order-1")
    second = await stock.reserve(line(TEE, 5), owner="order-1")
    assert (await stock.position()).hard_reserved == 5
    found = await stock.reservations.GetReservation(
        api.GetReservationRequest(reservation_id=first.id)
    )
    assert found.reservation.state == State.STATE_RELEASED
    with pytest.raises(RemoteError):
        await stock.reserve(line(TEE, 6), owner="order-1")
    assert (await stock.position()).hard_reserved == 5
    assert second.id != first.id


async def test_reservations_over_many_rows_in_any_order_do_not_deadlock(stock: Running) -> None:
    for sku in (TEE, CAP, MUG):
        for location in (DC, DC2):
            await stock.count(sku, 1_000, location)
    lines = [line(sku, 1, location) for sku in (TEE, CAP, MUG) for location in (DC, DC2)]
    calls = [stock.reserve(*(lines[i % 6 :] + lines[: i % 6])) for i in range(48)]
    answers = await outcomes(*calls)
    assert [a for a in answers if not isinstance(a, wire.Reservation)] == []
    assert (await stock.position()).hard_reserved == 48
    assert await stock.differences() == []


async def test_a_batch_answers_each_request_for_itself(stock: Running) -> None:
    await stock.count(TEE, 5)
    requests = [
        reserve_request(line(TEE, 3)),
        reserve_request(line(TEE, 3)),
        reserve_request(line("NO-SUCH", 1)),
        reserve_request(line(TEE, 2)),
    ]
    answer = await stock.reservations.BatchReserve(api.BatchReserveRequest(requests=requests))
    reasons = [result.reason for result in answer.results]
    assert reasons == ["", "INSUFFICIENT_STOCK", "SKU_UNKNOWN", ""]
    assert answer.results[1].shortage.shorts[0].available == 2
    again = await stock.reservations.BatchReserve(api.BatchReserveRequest(requests=requests))
    assert again.results[0].reservation.id == answer.results[0].reservation.id
    assert await stock.available() == 0


async def test_unknown_names_are_told_by_their_field(stock: Running) -> None:
    with pytest.raises(RemoteError) as sku:
        await stock.reserve(line(TEE, 1), line("NOPE", 1))
    assert (sku.value.reason, sku.value.metadata["field"]) == ("SKU_UNKNOWN", "lines[1].sku")
    with pytest.raises(RemoteError) as place:
        await stock.reserve(line(TEE, 1, "MOON"))
    assert place.value.reason == "LOCATION_UNKNOWN"
    assert place.value.metadata["field"] == "lines[0].location"


async def test_a_hold_ends_by_the_clock_with_the_sweeper_off(stock: Running) -> None:
    await stock.count(TEE, 5)
    held = await stock.reserve(line(TEE, 5), kind=SOFT, ttl_s=60)
    assert held.state == State.STATE_HELD
    assert await stock.available() == 0
    stock.clock.advance(59)
    with pytest.raises(RemoteError):
        await stock.reserve(line(TEE, 1))
    stock.clock.advance(1)
    assert await stock.available() == 5
    request = api.GetReservationRequest(reservation_id=held.id)
    shown = await stock.reservations.GetReservation(request)
    assert shown.reservation.state == State.STATE_EXPIRED
    await stock.reserve(line(TEE, 5))
    assert await stock.available() == 0
    assert await stock.sweep() == 1
    position = await stock.position()
    assert (position.soft_reserved, position.hard_reserved, position.available) == (0, 5, 0)
    assert await stock.differences() == []


@pytest.mark.parametrize("swept", [False, True])
async def test_confirming_an_expired_hold_takes_the_stock_again_or_nothing(
    stock: Running, swept: bool
) -> None:
    await stock.count(TEE, 5)
    held = await stock.reserve(line(TEE, 3), kind=SOFT, ttl_s=60)
    stock.clock.advance(61)
    if swept:
        await stock.sweep()
    other = await stock.reserve(line(TEE, 4))
    with pytest.raises(RemoteError) as refused:
        await stock.confirm(held.id)
    assert refused.value.reason == "INSUFFICIENT_STOCK"
    assert (await stock.position()).hard_reserved == 4
    await stock.release(other.id)
    confirmed = await stock.confirm(held.id)
    assert confirmed.state == State.STATE_CONFIRMED
    assert (await stock.position()).available == 2
    assert await stock.differences() == []


async def test_a_released_reservation_cannot_be_confirmed(stock: Running) -> None:
    await stock.count(TEE, 5)
    made = await stock.reserve(line(TEE, 3), kind=SOFT, ttl_s=60)
    await stock.release(made.id)
    with pytest.raises(RemoteError) as refused:
        await stock.confirm(made.id)
    assert refused.value.metadata["state"] == "RELEASED"
    with pytest.raises(RemoteError) as absent:
        await stock.confirm(new_id())
    assert absent.value.reason == "NOT_FOUND"


async def test_part_of_a_reservation_is_released(stock: Running) -> None:
    await stock.count(TEE, 5)
    made = await stock.reserve(line(TEE, 3, line_id="1"))
    part = [api.ReservationQuantity(line_id="1", quantity=2)]
    left = await stock.release(made.id, part)
    assert (left.state, left.lines[0].released_quantity) == (State.STATE_CONFIRMED, 2)
    assert await stock.available() == 4
    with pytest.raises(RemoteError) as refused:
        await stock.release(made.id, part)
    assert refused.value.reason == "RESERVATION_LINE"
    assert (refused.value.metadata["requested"], refused.value.metadata["open"]) == ("2", "1")


async def test_every_change_is_told_with_versions_without_gaps(stock: Running) -> None:
    await stock.count(TEE, 50)
    made = await asyncio.gather(*(stock.reserve(line(TEE, 1)) for _ in range(20)))
    await asyncio.gather(*(stock.release(item.id) for item in made))
    versions = await stock.rows(
        "SELECT agg_id, array_agg(agg_version ORDER BY agg_version), max(agg_version)"
        " FROM event_journal GROUP BY agg_type, agg_id"
    )
    assert all(row[1] == list(range(1, row[2] + 1)) for row in versions)  # type: ignore[operator]
    position = await stock.rows("SELECT max(version) FROM stock_position")
    told = [row[2] for row in versions if row[0] == f"{TEE}|{DC}"]
    assert told == [position[0][0]]
