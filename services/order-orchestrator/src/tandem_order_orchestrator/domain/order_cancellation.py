"""Cancelling what has not left, and letting its money go."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.amount_shares import line_share
from tandem_order_orchestrator.domain.draft import ExternalRef
from tandem_order_orchestrator.domain.events import OrderCancelled, OrderEvent, PaymentDue
from tandem_order_orchestrator.domain.order import Change, Order, changed
from tandem_order_orchestrator.domain.order_parts import Fulfilment, PaymentView, Return
from tandem_order_orchestrator.domain.order_state import (
    FulfilmentState,
    OrderKind,
    PaymentAction,
    PaymentState,
)
from tandem_order_orchestrator.domain.refunds import refund_due


def cancel(order: Order, reason: str, now: datetime) -> Change:
    """Cancels every unit that has not left. Raises OrderStateError when there is none."""
    if order.kind is OrderKind.STORE_SALE or not any(x.quantities.open for x in order.lines):
        raise order.refused("cancel")
    return cancel_open_lines(order, reason, now)


def cancel_open_lines(order: Order, reason: str, now: datetime) -> Change:
    """Cancels what is open; captured money for it becomes due back, an authorisation is let go."""
    cancelled = tuple(
        (line.draft.line_ref, line.quantities.open) for line in order.lines if line.quantities.open
    )
    amount = _to_refund(order)
    return_id = deterministic_id("cancellation", order.id) if amount else ""
    events: list[OrderEvent] = [OrderCancelled(reason, cancelled, amount, return_id)]
    payment, returns = order.payment, order.returns
    if amount:
        payment, due = refund_due(order, return_id, amount)
        events.append(due)
        returns = (*returns, _cancellation(order, return_id, amount, now))
    elif order.payment.state is PaymentState.AUTHORISED:
        events.append(_void_due(order, payment))
    return changed(
        order,
        now,
        *events,
        lines=tuple(replace(x, quantities=x.quantities.cancel_open()) for x in order.lines),
        fulfilments=tuple(_cancelled(f) for f in order.fulfilments),
        payment=payment,
        returns=returns,
        reason=reason,
    )


def _to_refund(order: Order) -> int:
    """Captured money less what was shipped: shares of shipped units, and shipping once charged."""
    captured = order.payment.captured
    if captured == 0:
        return 0
    shipped = [line for line in order.lines if line.quantities.shipped]
    kept = sum(line_share(x.draft, 0, x.quantities.shipped).charged for x in shipped)
    kept += order.draft.shipping_charged if shipped else 0
    given = order.payment.refunded + order.payment.refund_due
    returned = sum(
        item.refund_amount for item in order.returns if any(line.quantity for line in item.lines)
    )
    return max(0, captured - kept - (given - returned))


def _cancellation(order: Order, return_id: str, amount: int, now: datetime) -> Return:
    ref = ExternalRef("tandem", "cancellation", order.id)
    return Return(return_id, ref, (), amount, now)


def _void_due(order: Order, payment: PaymentView) -> PaymentDue:
    command_id = deterministic_id("payment", order.tenant, order.id, PaymentAction.VOID, "")
    return PaymentDue(
        command_id, PaymentAction.VOID, payment.authorised, provider_ref=payment.authorisation_ref
    )


def _cancelled(fulfilment: Fulfilment) -> Fulfilment:
    if fulfilment.state is FulfilmentState.SHIPPED:
        return fulfilment
    return replace(fulfilment, state=FulfilmentState.CANCELLED)
