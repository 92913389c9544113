"""Events of one order of one shop, as its services tell them."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp
from tandem.common.v1.money_pb2 import Money
from tandem.connector.v1 import events_pb2 as connector
from tandem.order.v1 import events_pb2 as order
from tandem.order.v1 import order_pb2
from tandem.order.v1.order_draft_pb2 import OrderDraft, OrderDraftLine, TaxLine

NOON = Timestamp(seconds=1_772_452_800)


def usd(minor: int) -> Money:
    return Money(currency_code="USD", minor_units=minor)


def tax(minor: int, collector: int = TaxLine.COLLECTOR_SELLER) -> TaxLine:
    return TaxLine(jurisdiction="US-NY", amount=usd(minor), collector=collector)  # type: ignore[arg-type]  # also values nobody knows


def received(sku: str = "A", quantity: int = 10, cost: int = 5_000) -> connector.GoodsReceived:
    line = connector.GoodsReceivedLine(
        sku=sku, location="DC", quantity=quantity, cost_amount=usd(cost)
    )
    return connector.GoodsReceived(
        receipt_ref="R", purchase_order="PO", vendor="V", receive_time=NOON, lines=[line]
    )


def captured(order_id: str, amount: int = 10_800) -> order.PaymentCaptured:
    return order.PaymentCaptured(
        order_id=order_id, amount=usd(amount), provider_ref=f"cap-{order_id}", capture_time=NOON,
        channel="web",
    )  # fmt: skip


def shipped(
    order_id: str, sku: str = "A", collector: int = TaxLine.COLLECTOR_SELLER
) -> order.FulfilmentShipped:
    line = order.ShippedLine(
        line_ref="1", sku=sku, quantity=2, list_amount=usd(11_000), discount_amount=usd(700),
        funded_discount_amount=usd(300), taxes=[tax(800, collector)],
    )  # fmt: skip
    return order.FulfilmentShipped(
        order_id=order_id, shipment_ref=f"S-{order_id}", location="DC", ship_time=NOON,
        lines=[line], shipping_amount=usd(0), channel="web",
    )  # fmt: skip


def returned(order_id: str) -> order.ReturnApproved:
    line = order_pb2.ReturnLine(
        line_ref="1", quantity=1, net_amount=usd(5_000), tax_amount=usd(400),
        disposition=order_pb2.RETURN_DISPOSITION_RESTOCK,
    )  # fmt: skip
    approved = order_pb2.Return(
        id=f"ret-{order_id}", lines=[line], refund_amount=usd(5_400), approve_time=NOON,
        shipping_amount=usd(0), shipping_tax_amount=usd(0),
    )  # fmt: skip
    return order.ReturnApproved(
        order_id=order_id, approved_return=approved, skus=["A"], channel="web"
    )


def refunded(order_id: str) -> order.RefundSettled:
    return order.RefundSettled(
        order_id=order_id, amount=usd(5_400), provider_ref=f"ref-{order_id}", settle_time=NOON,
        channel="web",
    )  # fmt: skip


def cancelled(order_id: str, amount: int = 1_000) -> order.OrderCancelled:
    return order.OrderCancelled(order_id=order_id, reason="changed mind", refund_amount=usd(amount))


def sold(order_id: str) -> order.SaleCompleted:
    line = OrderDraftLine(
        line_ref="1", sku="A", quantity=1, list_amount=usd(2_000), discount_amount=usd(100),
        funded_discount_amount=usd(50), taxes=[tax(148)],
    )  # fmt: skip
    return order.SaleCompleted(
        order_id=order_id, sale=OrderDraft(channel="store", currency_code="USD", lines=[line]),
        location="S1", register="1", business_date="2026-03-02",
        tenders=[order.SaleTender(type=order.SaleTender.TYPE_CASH, amount=usd(2_000))],
    )  # fmt: skip


WHOLE_DAY = {
    "po.received": 1,
    "payment.captured": 2,
    "shipment.confirmed": 1,
    "deposit.applied": 1,
    "refund.approved": 1,
    "refund.settled": 1,
    "pos.sale": 1,
    "order.cancelled": 1,
}
"""Journals of a receipt, a paid and shipped order with a return, a sale and a cancelled order."""
