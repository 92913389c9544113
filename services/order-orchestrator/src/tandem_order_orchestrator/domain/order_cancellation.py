"""Cancelling what has not left, and letting its money go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.amount_shares import line_share
from tandem_order_orchestrator.domain.draft import ExternalRef
from tandem_order_orchestrator.domain.errors import OrderLineQuantity
from tandem_order_orchestrator.domain.events import OrderCancelled, OrderEvent, PaymentDue
from tandem_order_orchestrator.domain.order import Change, Order, changed, unchanged
from tandem_order_orchestrator.domain.order_parts import Fulfilment, PaymentView, Return
from tandem_order_orchestrator.domain.order_state import (
    FulfilmentState,
    OrderKind,
    OrderState,
    PaymentAction,
    PaymentState,
    ReturnState,
)
from tandem_order_orchestrator.domain.refunds import refund_due


def cancel(order: Order, reason: str, now: datetime) -> Change:
    """Cancels every unit that has not left. Raises OrderStateError when there is none."""
    if order.kind is OrderKind.STORE_SALE or not any(x.quantities.open for x in order.lines):
        raise order.refused("cancel")
    return cancel_open_lines(order, reason, now)


def cancel_reported(
    order: Order, quantities: Mapping[str, int], reason: str, now: datetime
) -> Change:
    """Cancels what a channel says it cancelled; a cancellation known here changes nothing.

    Raises OrderLineQuantity when it names other units than the ones still open: cancelling more
    than the customer did is never guessed.
    """
    if order.state in (OrderState.CANCELLED, OrderState.REJECTED):
        return unchanged(order)
    still_open = {x.draft.line_ref: x.quantities.open for x in order.lines if x.quantities.open}
    for line_ref in sorted(still_open.keys() | quantities.keys()):
        named, open_units = quantities.get(line_ref, 0), still_open.get(line_ref, 0)
        if named != open_units:
            raise OrderLineQuantity(line_ref, named, open_units)
    return cancel(order, reason, now)


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
    elif order.payment.state is PaymentState.AUTHORISED and not order.payment.void_due:
        payment, due = void_due(order, payment)
        events.append(due)
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
        item.refund_amount
        for item in order.returns
        if item.lines and item.state is not ReturnState.REFUND_DECLINED
    )
    # A channel may have given back more for goods than they cost: never more than was taken.
    return max(0, min(captured - given, captured - kept - (given - returned)))


def _cancellation(order: Order, return_id: str, amount: int, now: datetime) -> Return:
    ref = ExternalRef("tandem", "cancellation", order.id)
    return Return(return_id, ref, (), amount, now)


def void_due(order: Order, payment: PaymentView) -> tuple[PaymentView, PaymentDue]:
    """The payment with the authorisation to be let go, and what is due from the provider."""
    action = PaymentAction.VOID
    command_id = deterministic_id("payment", order.tenant, order.id, action, "")
    due = PaymentDue(command_id, action, payment.authorised, provider_ref=payment.authorisation_ref)
    return replace(payment, void_due=True), due


def _cancelled(fulfilment: Fulfilment) -> Fulfilment:
    if fulfilment.state is FulfilmentState.SHIPPED:
        return fulfilment
    return replace(fulfilment, state=FulfilmentState.CANCELLED)
