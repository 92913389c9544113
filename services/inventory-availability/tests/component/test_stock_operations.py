"""Corrections by people on real Postgres, and how a source's later count meets them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tandem.inventory.v1 import stock_ops_service_pb2 as ops
from tandem.inventory.v1 import stock_position_pb2 as wire
from tandem_platform.remote_error import RemoteError

from .stock_under_test import CAP, DC, STORE, TEE, Running, at, line, new_id

Bucket = wire.LedgerEntry


def position(request: type, **values: object) -> object:
    named = {"request_id": new_id(), "sku": TEE, "location": DC, **values}
    return request(**named)


async def test_moved_units_are_in_the_other_state_and_the_next_count_contains_them(
    stock: Running,
) -> None:
    await stock.signal(sequence=1, snapshot=10)
    request = position(
        ops.MoveStateRequest,
        from_state=Bucket.BUCKET_SELLABLE,
        to_state=Bucket.BUCKET_DAMAGED,
        quantity=4,
        reason="BROKEN",
    )
    moved = (await stock.ops.MoveState(request)).stock_position
    assert (moved.on_hand, moved.unsellable) == (6, 4)
    assert (await stock.ops.MoveState(request)).stock_position == moved
    assert await stock.differences() == []
    stock.clock.advance(60)
    await stock.signal(sequence=2, snapshot=6)
    assert (await stock.position()).on_hand == 6
    assert await stock.differences() == []


async def test_more_than_a_state_holds_cannot_leave_it(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=3)
    request = position(
        ops.MoveStateRequest,
        from_state=Bucket.BUCKET_SELLABLE,
        to_state=Bucket.BUCKET_DAMAGED,
        quantity=4,
        reason="BROKEN",
    )
    with pytest.raises(RemoteError) as refused:
        await stock.ops.MoveState(request)
    assert refused.value.reason == "BUCKET_EMPTY"
    assert (await stock.position()).on_hand == 3


async def test_an_adjustment_is_refused_when_the_figure_moved_on(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=3)
    request = position(ops.AdjustStockRequest, delta=-1, expected_quantity=3, reason="LOST")
    assert (await stock.ops.AdjustStock(request)).stock_position.on_hand == 2
    request = position(ops.AdjustStockRequest, delta=-1, expected_quantity=3, reason="LOST")
    with pytest.raises(RemoteError) as refused:
        await stock.ops.AdjustStock(request)
    assert (refused.value.reason, refused.value.metadata["actual"]) == ("QUANTITY_MOVED", "2")
    with pytest.raises(RemoteError) as unknown:
        await stock.ops.AdjustStock(
            position(ops.AdjustStockRequest, sku="NOPE", delta=1, reason="FOUND")
        )
    assert unknown.value.reason == "SKU_UNKNOWN"
    assert await stock.differences() == []


async def test_a_count_keeps_what_moved_after_it_and_closes_its_request(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=10)
    request = position(ops.RequestCountRequest, reason="the shelf looks empty")
    asked = (await stock.ops.RequestCount(request)).count_request
    request = position(ops.RequestCountRequest, reason="again")
    assert (await stock.ops.RequestCount(request)).count_request == asked
    await stock.ops.RequestCount(position(ops.RequestCountRequest, sku=CAP, reason="also"))
    counted_at = stock.clock.now() + timedelta(minutes=1)
    stock.clock.advance(600)
    await stock.signal(sequence=2, delta=-2)
    submitted = await stock.ops.SubmitCount(
        position(ops.SubmitCountRequest, quantity=8, count_time=at(counted_at))
    )
    assert (submitted.stock_position.on_hand, submitted.variance) == (6, -2)
    page = await stock.ops.ListCountRequests(ops.ListCountRequestsRequest(page_size=1))
    assert [r.sku for r in page.count_requests] == [CAP]
    everything = ops.ListCountRequestsRequest(include_counted=True, location=DC)
    assert len((await stock.ops.ListCountRequests(everything)).count_requests) == 2
    assert await stock.differences() == []


async def test_a_count_from_the_future_or_of_nothing_known_is_refused(stock: Running) -> None:
    late = at(stock.clock.now() + timedelta(minutes=1))
    with pytest.raises(RemoteError) as future:
        await stock.ops.SubmitCount(position(ops.SubmitCountRequest, quantity=8, count_time=late))
    assert future.value.reason == "VALIDATION_FAILED"
    with pytest.raises(RemoteError) as unknown:
        await stock.ops.RequestCount(
            position(ops.RequestCountRequest, location="MOON", reason="why not")
        )
    assert unknown.value.reason == "LOCATION_UNKNOWN"


async def test_a_count_below_the_claims_shows_at_once(stock: Running) -> None:
    await stock.count(TEE, 5, STORE)
    await stock.reserve(line(TEE, 4, STORE))
    request = position(ops.SubmitCountRequest, location=STORE, quantity=1)
    found = (await stock.ops.SubmitCount(request)).stock_position
    assert (found.on_hand, found.hard_reserved, found.available) == (1, 4, 0)
