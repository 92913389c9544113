"""Order events from domain to wire: one function per event, looked up by type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from tandem.order.v1 import events_pb2 as wire
from tandem.order.v1 import order_pb2

from tandem_order_orchestrator.adapters.wire.draft_mapping import to_draft, to_taxes
from tandem_order_orchestrator.adapters.wire.money_mapping import to_money, to_ref, to_time
from tandem_order_orchestrator.adapters.wire.order_mapping import (
    to_fulfilment,
    to_return,
    to_shortage,
)
from tandem_order_orchestrator.domain import events as domain
from tandem_order_orchestrator.domain.draft import DraftLine
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_state import PaymentAction


def to_event(event: domain.OrderEvent, order: Order) -> Message:
    """The event message. Raises KeyError for an event without one, which a test excludes."""
    return _MAPPINGS[type(event)](event, order)


def _money(order: Order, minor_units: int) -> Any:
    return to_money(minor_units, order.draft.currency_code)


def _accepted(event: domain.OrderAccepted, order: Order) -> Message:
    return wire.OrderAccepted(
        order_id=order.id, order=to_draft(event.draft), total=_money(order, event.total)
    )


def _reserved(event: domain.OrderReserved, order: Order) -> Message:
    return wire.OrderReserved(
        order_id=order.id,
        reservation_id=event.reservation_id,
        fulfilments=[to_fulfilment(item) for item in event.fulfilments],
    )


def _rejected(event: domain.OrderRejected, order: Order) -> Message:
    shortages = [to_shortage(item) for item in event.shortages]
    return wire.OrderRejected(order_id=order.id, reason=event.reason, shortages=shortages)


def _cancelled(event: domain.OrderCancelled, order: Order) -> Message:
    return wire.OrderCancelled(
        order_id=order.id,
        reason=event.reason,
        lines=[order_pb2.FulfilmentLine(line_ref=r, quantity=q) for r, q in event.cancelled],
        refund_amount=_money(order, event.refund_amount) if event.refund_amount else None,
        return_id=event.return_id,
    )


def _payment_due(event: domain.PaymentDue, order: Order) -> Message:
    return wire.PaymentDue(
        order_id=order.id,
        command_id=event.command_id,
        action=_action(event.action),
        amount=_money(order, event.amount),
        payment_method=order.draft.payment_method,
        provider_ref=event.provider_ref,
        return_id=event.return_id,
    )


def _action(action: PaymentAction) -> wire.PaymentDue.Action.ValueType:
    return wire.PaymentDue.Action.Value(f"ACTION_{action.value}")


def _authorised(event: domain.PaymentAuthorised, order: Order) -> Message:
    return wire.PaymentAuthorised(
        order_id=order.id, amount=_money(order, event.amount), provider_ref=event.provider_ref
    )


def _captured(event: domain.PaymentCaptured, order: Order) -> Message:
    return wire.PaymentCaptured(
        order_id=order.id,
        amount=_money(order, event.amount),
        provider_ref=event.provider_ref,
        capture_time=to_time(event.captured_at),
        channel=order.draft.channel,
    )


def _failed(event: domain.PaymentFailed, order: Order) -> Message:
    return wire.PaymentFailed(
        order_id=order.id,
        action=_action(event.action),
        reason=event.reason,
        return_id=event.return_id,
    )


def _voided(event: domain.PaymentVoided, order: Order) -> Message:
    return wire.PaymentVoided(order_id=order.id, provider_ref=event.provider_ref)


def _overdue(event: domain.PaymentOverdue, order: Order) -> Message:
    return wire.PaymentOverdue(
        order_id=order.id,
        command_id=event.command_id,
        action=_action(event.action),
        due_time=to_time(event.due_at),
        return_id=event.return_id,
    )


def _released(event: domain.FulfilmentReleased, order: Order) -> Message:
    fulfilments = [to_fulfilment(item) for item in event.fulfilments]
    return wire.FulfilmentReleased(order_id=order.id, fulfilments=fulfilments)


def _shipped(event: domain.FulfilmentShipped, order: Order) -> Message:
    currency = order.draft.currency_code
    return wire.FulfilmentShipped(
        order_id=order.id,
        shipment_ref=event.shipment_ref,
        location=event.location,
        ship_time=to_time(event.shipped_at),
        lines=[_shipped_line(line, order) for line in event.lines],
        shipping_amount=to_money(event.shipping_amount, currency),
        shipping_taxes=to_taxes(event.shipping_taxes, currency),
        channel=order.draft.channel,
        fulfilment_id=event.fulfilment_id,
    )


def _shipped_line(line: DraftLine, order: Order) -> wire.ShippedLine:
    return wire.ShippedLine(
        line_ref=line.line_ref,
        sku=line.sku,
        quantity=line.quantity,
        list_amount=_money(order, line.list_amount),
        discount_amount=_money(order, line.discount_amount),
        funded_discount_amount=_money(order, line.funded_discount_amount),
        taxes=to_taxes(line.taxes, order.draft.currency_code),
    )


def _sale(event: domain.SaleCompleted, order: Order) -> Message:
    return wire.SaleCompleted(
        order_id=order.id,
        sale=to_draft(event.draft),
        location=event.location,
        register=event.register,
        sequence=event.sequence,
        business_date=event.business_date,
        tenders=[
            wire.SaleTender(
                type=wire.SaleTender.Type.Value(f"TYPE_{tender.type.value}"),
                amount=_money(order, tender.amount),
            )
            for tender in event.tenders
        ],
    )


def _return_approved(event: domain.ReturnApproved, order: Order) -> Message:
    return wire.ReturnApproved(
        order_id=order.id,
        approved_return=to_return(event.approved_return, order.draft.currency_code),
        skus=event.skus,
        channel=order.draft.channel,
        shipment_refs=event.shipment_refs,
    )


def _refund_settled(event: domain.RefundSettled, order: Order) -> Message:
    return wire.RefundSettled(
        order_id=order.id,
        return_id=event.return_id,
        amount=_money(order, event.amount),
        provider_ref=event.provider_ref,
        settle_time=to_time(event.settled_at),
        channel=order.draft.channel,
    )


def _completed(event: domain.OrderCompleted, order: Order) -> Message:
    return wire.OrderCompleted(order_id=order.id, external_ref=to_ref(event.external_ref))


_MAPPINGS: Mapping[type[domain.OrderEvent], Callable[[Any, Order], Message]] = {
    domain.OrderAccepted: _accepted,
    domain.OrderReserved: _reserved,
    domain.OrderRejected: _rejected,
    domain.OrderCancelled: _cancelled,
    domain.PaymentDue: _payment_due,
    domain.PaymentAuthorised: _authorised,
    domain.PaymentCaptured: _captured,
    domain.PaymentFailed: _failed,
    domain.PaymentVoided: _voided,
    domain.PaymentOverdue: _overdue,
    domain.FulfilmentReleased: _released,
    domain.FulfilmentShipped: _shipped,
    domain.SaleCompleted: _sale,
    domain.ReturnApproved: _return_approved,
    domain.RefundSettled: _refund_settled,
    domain.OrderCompleted: _completed,
}
