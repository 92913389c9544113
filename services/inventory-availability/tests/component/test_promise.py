"""Curves and promises over the wire: nothing is held, what was told is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem.inventory.v1 import supply_line_pb2 as supply_wire
from tandem.inventory.v1 import supply_service_pb2 as supply
from tandem_inventory_availability.adapters.postgres.promise_rows import KEPT_DAYS, PromisePurge
from tandem_platform.remote_error import RemoteError

from .stock_under_test import DC, DC2, TEE, Running, at, line, new_id


async def expect(stock: Running, quantity: int, days: int) -> None:
    told = supply.SupplyLineInput(
        id=f"PO-{days}",
        sku=TEE,
        location=DC,
        kind=supply_wire.SupplyLine.KIND_PURCHASE_ORDER,
        open_quantity=quantity,
        expected_time=at(stock.clock.now() + timedelta(days=days)),
    )
    request = supply.UpsertSupplyLinesRequest(request_id=new_id(), lines=[told])
    await stock.supply.UpsertSupplyLines(request)


async def curve(stock: Running, **values: object) -> list[tuple[float, int]]:
    request = api.GetAvailabilityCurveRequest(**{"sku": TEE, "location": DC, **values})
    found = await stock.availability.GetAvailabilityCurve(request)
    start = at(stock.clock.now()).seconds
    return [((p.time.seconds - start) / 86_400, p.available) for p in found.points]


def ask(quantity: int, **values: object) -> api.PromiseRequest:
    return api.PromiseRequest(
        request_id=new_id(),
        lines=[api.PromiseLine(line_id="1", sku=TEE, quantity=quantity, **values)],
    )


async def test_a_curve_begins_with_what_can_be_promised_now_and_rises_with_supply(
    stock: Running,
) -> None:
    await stock.count(TEE, 3)
    await stock.reserve(line(TEE, 1))
    await expect(stock, 5, 2)
    assert await curve(stock) == [(0, 2), (2, 7)]
    later = api.GetAvailabilityRequest(
        skus=[TEE], locations=[DC], at=at(stock.clock.now() + timedelta(days=3))
    )
    (found,) = (await stock.availability.GetAvailability(later)).availabilities
    assert (found.available, found.basis) == (7, api.Availability.BASIS_SUPPLY)


async def test_a_promise_touches_no_stock_and_can_be_looked_up(stock: Running) -> None:
    await stock.count(TEE, 3)
    await stock.count(TEE, 1, DC2)
    await expect(stock, 5, 2)
    before = await stock.rows("SELECT * FROM stock_position ORDER BY 1, 2, 3")
    request = ask(6)
    told = await stock.availability.Promise(request)
    assert await stock.availability.Promise(request) == told
    (planned,) = told.lines
    parts = [(p.location, p.quantity, p.basis) for p in planned.parts]
    assert parts == [(DC, 6, api.Availability.BASIS_SUPPLY)]
    assert (planned.short_quantity, planned.in_time) == (0, True)
    kept = await stock.availability.GetPromise(api.GetPromiseRequest(promise_id=told.promise_id))
    assert (kept.request, kept.response) == (request, told)
    assert {(p.location, p.version) for p in told.positions} == {(DC, 1), (DC2, 1)}
    assert await stock.rows("SELECT * FROM stock_position ORDER BY 1, 2, 3") == before
    stock.clock.advance(KEPT_DAYS * 86_400 + 1)
    assert await PromisePurge(stock.database, stock.clock).purge() == 1
    with pytest.raises(RemoteError) as gone:
        await stock.availability.GetPromise(api.GetPromiseRequest(promise_id=told.promise_id))
    assert gone.value.reason == "NOT_FOUND"


async def test_what_is_needed_later_than_it_can_be_is_not_in_time(stock: Running) -> None:
    await expect(stock, 5, 4)
    soon = at(stock.clock.now() + timedelta(days=1))
    told = (await stock.availability.Promise(ask(5, need_time=soon))).lines[0]
    assert (told.in_time, told.short_quantity) == (False, 0)
    assert told.promise_time.seconds > soon.seconds


async def test_a_moment_before_now_is_refused(stock: Running) -> None:
    past = at(stock.clock.now() - timedelta(days=1))
    with pytest.raises(RemoteError) as refused:
        await stock.availability.GetAvailability(api.GetAvailabilityRequest(skus=[TEE], at=past))
    assert refused.value.reason == "VALIDATION_FAILED"
    with pytest.raises(RemoteError) as unknown:
        await curve(stock, location="NOPE")
    assert unknown.value.reason == "LOCATION_UNKNOWN"
