"""From an order to goods that left, over the real wire, bus and database."""

from __future__ import annotations

import asyncio

import pytest
from tandem.order.v1 import fulfilment_service_pb2 as fulfilment
from tandem.order.v1 import order_service_pb2 as api
from tandem.order.v1.order_pb2 import Order, PaymentView
from tandem_platform.remote_error import RemoteError

from ..order_service_under_test import Running, draft, eventually, line, new_id, stamp

pytestmark = pytest.mark.asyncio(loop_scope="module")


def shipment(order: Order, ref: str = "ship-1", location: str = "DC-1", **lines: int) -> object:
    return fulfilment.ConfirmShipmentRequest(
        request_id=new_id(),
        order_id=order.id,
        location=location,
        shipment_ref=ref,
        ship_time=stamp(),
        lines=[
            fulfilment.FulfilmentLineQuantity(line_ref=name.lstrip("_"), quantity=quantity)
            for name, quantity in lines.items()
        ],
    )


async def test_an_order_is_reserved_paid_shipped_and_completed(service: Running) -> None:
    order = await service.submit(draft("1001"))
    assert order.state == Order.STATE_RESERVED
    assert service.stock.available("MUG", "DC-1") == 8
    due = await service.due(order.id, "AUTHORISE")
    assert due["amount"]["minor_units"] == "2660"
    await service.pay(order.id, "AUTHORISE", "CAPTURE")
    released = await service.reaches(order.id, "RELEASED")
    assert released.payment.captured.minor_units == 2660
    await service.fulfilments.ConfirmShipment(shipment(released))
    await service.reaches(order.id, "COMPLETED")
    assert service.stock.settled == [(order.id, "ship-1")]
    assert await service.events(order.id) == [
        "OrderAccepted",
        "OrderReserved",
        "PaymentDue",
        "PaymentAuthorised",
        "PaymentDue",
        "PaymentCaptured",
        "FulfilmentReleased",
        "FulfilmentShipped",
        "OrderCompleted",
    ]


async def test_an_order_for_more_than_there_is_comes_back_with_its_shortages(
    service: Running,
) -> None:
    order = await service.submit(draft("1002", line("1", "MUG", 11), line("2", "TEE", 1)))
    assert order.state == Order.STATE_REJECTED
    assert order.reason == "INSUFFICIENT_STOCK"
    [short] = order.shortages
    assert (short.sku, short.requested, short.available) == ("MUG", 11, 10)
    assert [(a.location, a.available) for a in short.alternatives] == [("DC-1", 10)]
    assert service.stock.live() == []
    assert await service.dues(order.id) == []


async def test_an_order_of_an_unknown_sku_is_rejected_with_the_reason(service: Running) -> None:
    order = await service.submit(draft("1003", line("1", "NOPE", 1)))
    assert (order.state, order.reason) == (Order.STATE_REJECTED, "SKU_UNKNOWN")


async def test_lines_are_split_over_locations_when_no_single_one_has_all(
    service: Running,
) -> None:
    order = await service.released(draft("1004", line("1", "TEE", 3), line("2", "MUG", 1)))
    parts = {f.location: {x.line_ref: x.quantity for x in f.lines} for f in order.fulfilments}
    assert parts == {"DC-1": {"1": 1, "2": 1}, "STORE-1": {"1": 2}}
    await service.fulfilments.ConfirmShipment(shipment(order, "a", "DC-1"))
    partly = await service.reaches(order.id, "PARTIALLY_SHIPPED")
    await service.fulfilments.ConfirmShipment(shipment(partly, "b", "STORE-1"))
    await service.reaches(order.id, "COMPLETED")
    assert sorted(service.stock.settled) == [(order.id, "a"), (order.id, "b")]


async def test_a_line_named_twice_in_a_shipment_counts_as_the_sum(service: Running) -> None:
    order = await service.released(draft("1005"))
    request = shipment(order, _1=1)
    request.lines.add(line_ref="1", quantity=1)
    answer = await service.fulfilments.ConfirmShipment(request)
    assert answer.order.lines[0].shipped == 2


async def test_the_same_order_again_is_the_same_order(service: Running) -> None:
    first = await service.submit(draft("1006"))
    again = await service.submit(draft("1006"))
    assert (again.id, again.version) == (first.id, first.version)
    with pytest.raises(RemoteError, match="ORDER_CONFLICT"):
        await service.submit(draft("1006", line("1", "MUG", 3)))
    assert service.stock.available("MUG", "DC-1") == 8


async def test_one_order_submitted_many_times_at_once_is_accepted_once(service: Running) -> None:
    made = await asyncio.gather(*(service.submit(draft("1007")) for _ in range(12)))
    assert {order.state for order in made} == {Order.STATE_RESERVED}
    assert (await service.events(made[0].id)).count("OrderAccepted") == 1
    assert len(service.stock.live(made[0].id)) == 1


async def test_a_request_repeated_at_once_is_answered_with_one_effect(service: Running) -> None:
    request = api.SubmitOrderRequest(request_id=new_id(), order=draft("1008"))
    answers = await asyncio.gather(*(service.orders.SubmitOrder(request) for _ in range(8)))
    assert {answer.order.version for answer in answers} == {1}
    request.order.display_name = "another"
    with pytest.raises(RemoteError, match="REQUEST_ID_REUSED"):
        await service.orders.SubmitOrder(request)


async def test_a_wait_ends_with_the_order_as_it_stands(service: Running) -> None:
    service.stock.gate.clear()
    order = await service.submit(draft("1009"), wait_ms=300)
    assert order.state == Order.STATE_ACCEPTED
    service.stock.gate.set()
    await service.reaches(order.id, "RESERVED")


async def test_a_reservation_that_comes_after_a_cancellation_is_let_go(service: Running) -> None:
    service.stock.gate.clear()
    order = await service.submit(draft("1010"), wait_ms=0)
    await eventually(lambda: _is(service.stock.live(order.id)))
    await service.orders.CancelOrder(cancel(order.id))
    service.stock.gate.set()
    await service.quiet()
    assert service.stock.live() == []
    assert (await service.order(order.id)).state == Order.STATE_CANCELLED
    assert await service.dues(order.id) == []


async def test_a_reservation_whose_answer_was_lost_is_let_go_after_a_cancellation(
    service: Running,
) -> None:
    service.stock.gate.clear()
    service.stock.lose_replies["Reserve"] = 1
    order = await service.submit(draft("1011"), wait_ms=0)
    await eventually(lambda: _is(service.stock.live(order.id)))
    await service.orders.CancelOrder(cancel(order.id))
    service.stock.gate.set()
    await service.quiet()
    assert service.stock.live() == []


async def test_a_lost_answer_is_found_again_and_not_reserved_twice(service: Running) -> None:
    service.stock.lose_replies["Reserve"] = 1
    order = await service.submit(draft("1012"))
    assert order.state == Order.STATE_RESERVED
    [live] = service.stock.live(order.id)
    assert live.id == order.reservation_id
    assert service.stock.calls["Reserve"] == 1


async def test_calls_that_fail_are_tried_again(service: Running) -> None:
    service.stock.fail.update({"GetAvailability": 2, "SettleShipment": 1})
    order = await service.released(draft("1013"))
    await service.fulfilments.ConfirmShipment(shipment(order))
    await service.reaches(order.id, "COMPLETED")


async def test_cancelling_before_payment_owes_nothing(service: Running) -> None:
    order = await service.submit(draft("1014"))
    await service.due(order.id, "AUTHORISE")
    await service.orders.CancelOrder(cancel(order.id))
    await service.pay(order.id, "AUTHORISE")
    await service.pay(order.id, "VOID")
    await eventually(lambda: _payment_is(service, order.id, PaymentView.STATE_VOIDED))
    await service.quiet()
    assert service.stock.live() == []
    assert await _saga_state(service, order.id) == "CLOSED"


async def test_cancelling_while_the_capture_is_under_way_gives_all_back(service: Running) -> None:
    order = await service.submit(draft("1015"))
    await service.pay(order.id, "AUTHORISE")
    await service.due(order.id, "CAPTURE")
    await service.orders.CancelOrder(cancel(order.id))
    await service.pay(order.id, "CAPTURE", "REFUND")
    await eventually(lambda: _payment_is(service, order.id, PaymentView.STATE_REFUNDED))
    after = await service.order(order.id)
    assert after.payment.refunded == after.payment.captured == order.total
    assert after.state == Order.STATE_CANCELLED


async def test_cancelling_after_the_capture_gives_all_back(service: Running) -> None:
    order = await service.released(draft("1016"))
    await service.orders.CancelOrder(cancel(order.id))
    due = await service.due(order.id, "REFUND")
    assert due["amount"]["minor_units"] == "2660"
    await service.pay(order.id, "REFUND")
    await eventually(lambda: _payment_is(service, order.id, PaymentView.STATE_REFUNDED))
    await service.quiet()
    assert service.stock.live() == []
    with pytest.raises(RemoteError, match="ORDER_STATE"):
        await service.orders.CancelOrder(cancel(order.id))


async def test_what_is_left_is_released_only_after_what_was_shipped_is_settled(
    service: Running,
) -> None:
    order = await service.released(draft("1018"))
    service.stock.lose_replies["SettleShipment"] = 2
    await service.fulfilments.ConfirmShipment(shipment(order, _1=1))
    await service.orders.CancelOrder(cancel(order.id))
    assert (await service.due(order.id, "REFUND"))["amount"]["minor_units"] == "1080"
    await service.pay(order.id, "REFUND")
    await service.reaches(order.id, "COMPLETED")
    calls = [c for c in service.stock.log if c in ("SettleShipment", "ReleaseReservation")]
    assert calls == ["SettleShipment"] * 3 + ["ReleaseReservation"]


async def test_a_declined_payment_cancels_the_order_and_its_claim(service: Running) -> None:
    order = await service.submit(draft("1017"))
    due = await service.due(order.id, "AUTHORISE")
    await service.facts.paid(due, order.id, declined="INSUFFICIENT_FUNDS")
    after = await service.reaches(order.id, "CANCELLED")
    assert after.reason == "PAYMENT_DECLINED"
    await service.quiet()
    assert service.stock.live() == []


async def test_lists_and_timelines_tell_what_happened(service: Running) -> None:
    made = []
    for number in range(3):
        order = draft(f"20{number}")
        order.channel = "listed"
        made.append(await service.submit(order))
    asked = api.ListOrdersRequest(page_size=2, channel="listed")
    page = await service.orders.ListOrders(asked)
    asked.page_token = page.next_page_token
    rest = await service.orders.ListOrders(asked)
    listed = [order.id for order in (*page.orders, *rest.orders)]
    assert listed == [order.id for order in reversed(made)]
    wanted = api.ListOrdersRequest(state=Order.STATE_RESERVED, external_id="201", channel="listed")
    assert [o.id for o in (await service.orders.ListOrders(wanted)).orders] == [made[1].id]
    request = api.GetOrderTimelineRequest(order_id=made[0].id)
    entries = (await service.orders.GetOrderTimeline(request)).entries
    assert [e.event_name for e in entries] == ["OrderAccepted", "OrderReserved", "PaymentDue"]
    assert len({entry.trace_id for entry in entries}) == 1


def cancel(order_id: str) -> api.CancelOrderRequest:
    return api.CancelOrderRequest(request_id=new_id(), order_id=order_id, reason="CUSTOMER")


async def _is(value: object) -> object:
    return value


async def _payment_is(service: Running, order_id: str, state: PaymentView.State.ValueType) -> bool:
    return (await service.order(order_id)).payment.state == state


async def _saga_state(service: Running, order_id: str) -> str:
    rows = await service.rows("SELECT state FROM saga WHERE id = :id", id=order_id)
    return str(rows[0][0])
