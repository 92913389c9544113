"""Facts of connectors, through the stream: orders, sales, shipments, refunds, payments."""

from __future__ import annotations

import pytest
from tandem.common.v1.external_ref_pb2 import ExternalRef
from tandem.connector.v1 import events_pb2 as facts
from tandem.order.v1 import return_service_pb2 as returns
from tandem.order.v1.order_draft_pb2 import OrderDraft
from tandem.order.v1.order_pb2 import RETURN_DISPOSITION_RESTOCK, Order, PaymentView, Return

from ..order_service_under_test import (
    Running,
    draft,
    eventually,
    id_of,
    line,
    new_id,
    stamp,
    usd,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def shipped(name: str, ref: str = "wms-1", **skus: int) -> facts.ShipmentReported:
    lines = [facts.ShipmentReportedLine(sku=sku, quantity=q) for sku, q in skus.items()]
    return facts.ShipmentReported(
        shipment_ref=ref,
        order_ref=f"#{name}",
        location="DC-1",
        ship_time=stamp(),
        lines=lines,
    )


def refund(
    order: OrderDraft, restock: facts.RefundReportedLine.Restock.ValueType, quantity: int
) -> facts.RefundReported:
    return facts.RefundReported(
        order_ref=order.external_ref,
        refund_ref=ExternalRef(system="shop", type="refund", id=f"r-{order.external_ref.id}"),
        lines=[
            facts.RefundReportedLine(
                line_ref="1",
                quantity=quantity,
                net_amount=usd(1000 * quantity),
                tax_amount=usd(80 * quantity),
                restock=restock,
            )
        ],
    )


async def placed(service: Running, order: OrderDraft) -> str:
    await service.facts.tell(
        facts.OrderPlaced(order=order), "external_order", order.external_ref.id
    )
    return id_of(order)


async def test_an_order_of_a_channel_is_shipped_by_the_report_of_a_warehouse(
    service: Running,
) -> None:
    order_id = await placed(service, draft("1"))
    await service.pay(order_id, "AUTHORISE", "CAPTURE")
    await service.reaches(order_id, "RELEASED")
    await service.facts.tell(shipped("1", MUG=2), "external_shipment", "wms-1")
    await service.reaches(order_id, "COMPLETED")
    assert service.stock.settled == [(order_id, "wms-1")]


async def test_a_shipment_report_before_its_order_waits_and_is_then_applied(
    service: Running,
) -> None:
    await service.facts.tell(shipped("2", MUG=2), "external_shipment", "wms-2")
    assert await eventually(lambda: waiting(service, "2")) == ["ORDER_UNKNOWN"]
    order_id = await placed(service, draft("2"))
    await eventually(lambda: waiting_for(service, "2", "RESERVED"))
    await service.pay(order_id, "AUTHORISE", "CAPTURE")
    await service.reaches(order_id, "COMPLETED")
    assert (await service.events(order_id)).count("FulfilmentShipped") == 1
    assert await waiting(service, "2") == []


async def test_a_report_that_can_never_be_applied_holds_up_no_other_one_that_waits(
    service: Running,
) -> None:
    await service.facts.tell(shipped("3", "too-many", MUG=9), "external_shipment", "too-many")
    unknown = refund(draft("3"), facts.RefundReportedLine.RESTOCK_UNSPECIFIED, 1)
    await service.facts.tell(unknown, "external_order", "refund-only")
    await service.facts.tell(shipped("3", "good", MUG=2), "external_shipment", "good")
    order_id = await placed(service, draft("3"))
    await service.pay(order_id, "AUTHORISE", "CAPTURE")
    await service.reaches(order_id, "COMPLETED")
    await eventually(lambda: waiting_for(service, "3", "ORDER_LINE_QUANTITY"))


async def test_an_order_with_other_content_becomes_a_dead_letter(service: Running) -> None:
    order_id = await placed(service, draft("4"))
    await placed(service, draft("4", line("1", "MUG", 3)))
    assert await eventually(lambda: dead(service, "4")) == ["ORDER_CONFLICT"]
    assert (await service.reaches(order_id, "RESERVED")).lines[0].ordered == 2


async def test_an_order_delivered_again_changes_nothing(service: Running) -> None:
    order_id = await placed(service, draft("5"))
    await service.reaches(order_id, "RESERVED")
    await placed(service, draft("5"))
    await eventually(lambda: applied(service, "5", 2))
    assert await service.events(order_id) == ["OrderAccepted", "OrderReserved", "PaymentDue"]


async def test_a_return_reported_by_the_channel_restocks_and_refunds(service: Running) -> None:
    order = draft("6")
    order_id = await placed(service, order)
    await service.pay(order_id, "AUTHORISE", "CAPTURE")
    await service.facts.tell(shipped("6", MUG=2), "external_shipment", "wms-6")
    await service.reaches(order_id, "COMPLETED")
    back = refund(order, facts.RefundReportedLine.RESTOCK_RETURN, 1)
    await service.facts.tell(back, "external_order", "6")
    assert (await service.due(order_id, "REFUND"))["amount"]["minor_units"] == "1080"
    await service.pay(order_id, "REFUND")

    async def settled() -> bool:
        found = (await service.order(order_id)).returns
        return bool(found) and found[0].state == Return.STATE_SETTLED

    await eventually(settled)
    await service.quiet()
    assert service.stock.dispositions == [("RESTOCK", "MUG@DC-1", 1)]
    assert (await service.order(order_id)).state == Order.STATE_PARTIALLY_RETURNED


async def test_a_return_by_rpc_takes_the_shares_of_its_units(service: Running) -> None:
    order = await service.released(draft("7"))
    await service.facts.tell(shipped("7"), "external_shipment", "wms-7")
    await service.reaches(order.id, "COMPLETED")
    request = returns.CreateReturnRequest(
        request_id=new_id(),
        order_id=order.id,
        external_ref=ExternalRef(system="desk", type="return", id="7"),
        lines=[
            returns.CreateReturnLine(
                line_ref="1", quantity=2, disposition=RETURN_DISPOSITION_RESTOCK
            )
        ],
    )
    answer = await service.returns.CreateReturn(request)
    assert answer.order.returns[0].refund_amount.minor_units == 2160
    assert answer.order.state == Order.STATE_RETURNED
    await service.quiet()
    assert service.stock.dispositions == [("RESTOCK", "MUG@DC-1", 2)]


async def test_a_cancellation_of_the_channel_cancels_and_its_echo_changes_nothing(
    service: Running,
) -> None:
    order = draft("8")
    order_id = await placed(service, order)
    await service.pay(order_id, "AUTHORISE", "CAPTURE")
    await service.reaches(order_id, "RELEASED")
    cancelled = refund(order, facts.RefundReportedLine.RESTOCK_CANCEL, 2)
    await service.facts.tell(cancelled, "external_order", "8")
    after = await service.reaches(order_id, "CANCELLED")
    assert after.reason == "CHANNEL"
    await service.facts.tell(cancelled, "external_order", "8")
    await eventually(lambda: applied(service, "8", 3))
    await service.quiet()
    assert service.stock.live() == []
    assert (await service.events(order_id)).count("OrderCancelled") == 1


async def test_a_partial_cancellation_does_not_cancel_the_whole_order(service: Running) -> None:
    order = draft("9")
    order_id = await placed(service, order)
    await service.pay(order_id, "AUTHORISE", "CAPTURE")
    await service.reaches(order_id, "RELEASED")
    cancelled = refund(order, facts.RefundReportedLine.RESTOCK_CANCEL, 1)
    await service.facts.tell(cancelled, "external_order", "9")
    assert await eventually(lambda: dead(service, "9")) == ["ORDER_LINE_QUANTITY"]
    assert (await service.order(order_id)).state == Order.STATE_RELEASED


async def test_a_store_sale_is_recorded_once_and_taken_out_of_stock(service: Running) -> None:
    sale = draft("10", type_="sale")
    fact = facts.SaleReported(
        sale=sale,
        location="STORE-1",
        register="2",
        sequence=10,
        business_date="2026-03-02",
        tenders=[facts.Tender(type=facts.Tender.TYPE_CASH, amount=usd(2160))],
    )
    await service.facts.tell(fact, "store_sale", "10")
    await service.facts.tell(fact, "store_sale", "10")
    done = await service.reaches(id_of(sale), "COMPLETED")
    await eventually(lambda: applied(service, "10", 2))
    assert done.payment.state == PaymentView.STATE_CAPTURED
    assert service.stock.sales == ["10"]
    assert await service.events(done.id) == ["SaleCompleted", "OrderCompleted"]


async def waiting(service: Running, name: str) -> list[str]:
    """Why shipments of an order wait."""
    rows = await service.rows(
        "SELECT reason FROM waiting_report WHERE order_ref = :ref", ref=f"#{name}"
    )
    return [row[0] for row in rows]


async def waiting_for(service: Running, name: str, reason: str) -> bool:
    return reason in await waiting(service, name)


async def applied(service: Running, name: str, version: int) -> bool:
    """True once so many facts of an aggregate were applied."""
    rows = await service.rows(
        "SELECT version FROM applied_version WHERE agg_id = :id AND version >= :version",
        id=name,
        version=version,
    )
    return bool(rows)


async def dead(service: Running, name: str) -> list[str]:
    rows = await service.rows("SELECT reason FROM dead_letter WHERE agg_id = :id", id=name)
    return [row[0] for row in rows]
