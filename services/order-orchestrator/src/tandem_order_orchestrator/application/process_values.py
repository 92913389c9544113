"""What the process of an order must know of each event, as plain values it can store."""

from __future__ import annotations

from typing import Any

from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.draft import DraftLine
from tandem_order_orchestrator.domain.events import (
    FulfilmentShipped,
    OrderCancelled,
    OrderEvent,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDue,
    PaymentFailed,
    PaymentVoided,
    RefundSettled,
    ReturnApproved,
    SaleCompleted,
)
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_payment import payment_command_id
from tandem_order_orchestrator.domain.order_process import ProcessEvent
from tandem_order_orchestrator.domain.order_state import Disposition, PaymentAction

RESERVATION_LINE_CHARACTERS_MAX = 100
"""Limit of the contract; longer names are replaced by an id made from them."""


def process_event(event: OrderEvent, order: Order) -> ProcessEvent:
    """The event by name, with the values its commands need."""
    name = type(event).__name__
    if isinstance(event, OrderCancelled):
        return ProcessEvent(name, {"reservation_id": order.reservation_id})
    if isinstance(event, FulfilmentShipped):
        return ProcessEvent(name, _shipment(event, order))
    if isinstance(event, SaleCompleted):
        return ProcessEvent(name, _sale(event))
    if isinstance(event, ReturnApproved):
        return ProcessEvent(name, _disposition(event))
    return ProcessEvent(name, _payment(event, order))


def _payment(event: OrderEvent, order: Order) -> dict[str, Any]:
    """What was asked of the provider, or which command it answered."""
    if isinstance(event, PaymentDue):
        return {
            "command_id": event.command_id,
            "action": event.action.value,
            "return_id": event.return_id,
        }
    if isinstance(event, PaymentFailed):
        return {"command_id": payment_command_id(order, event.action, event.return_id)}
    if isinstance(event, RefundSettled):
        return {"command_id": payment_command_id(order, PaymentAction.REFUND, event.return_id)}
    action = _ANSWERED.get(type(event))
    return {"command_id": payment_command_id(order, action)} if action else {}


_ANSWERED = {
    PaymentAuthorised: PaymentAction.AUTHORISE,
    PaymentCaptured: PaymentAction.CAPTURE,
    PaymentVoided: PaymentAction.VOID,
}


def _shipment(event: FulfilmentShipped, order: Order) -> dict[str, Any]:
    return {
        "reservation_id": order.reservation_id,
        "shipment_ref": event.shipment_ref,
        "shipped_at": event.shipped_at.isoformat(),
        "lines": [
            {
                "line_id": reservation_line_id(line.line_ref, event.location),
                "quantity": line.quantity,
            }
            for line in event.lines
        ],
    }


def reservation_line_id(line_ref: str, location: str) -> str:
    """Name of a reservation line: an order line split over locations has one in each."""
    name = f"{line_ref}@{location}"
    fits = len(name) <= RESERVATION_LINE_CHARACTERS_MAX
    return name if fits else deterministic_id("reservation_line", line_ref, location)


def _sale(event: SaleCompleted) -> dict[str, Any]:
    return {
        "sale_ref": event.draft.external_ref.id,
        "sold_at": event.draft.placed_at.isoformat(),
        "lines": [_sold_line(line, event.location) for line in event.draft.lines],
    }


def _sold_line(line: DraftLine, location: str) -> dict[str, Any]:
    return {
        "line_id": line.line_ref,
        "sku": line.sku,
        "location": location,
        "quantity": line.quantity,
    }


def _disposition(event: ReturnApproved) -> dict[str, Any]:
    lines = [
        {
            "line_id": line.line_ref,
            "sku": sku,
            "location": line.location,
            "quantity": line.quantity,
            "disposition": line.disposition.value,
        }
        for line, sku in zip(event.approved_return.lines, event.skus, strict=True)
        if line.disposition is not Disposition.KEEP
    ]
    return {
        "return_ref": event.approved_return.id,
        "approved_at": event.approved_return.approved_at.isoformat(),
        "lines": lines,
    }
