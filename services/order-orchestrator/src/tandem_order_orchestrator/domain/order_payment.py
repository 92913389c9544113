"""The money side of an order: what is due, and what the provider answered.

Each due operation has a command id made from the order and the operation, so the provider is asked
once for it however often we try.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.events import (
    FulfilmentReleased,
    OrderEvent,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDue,
    PaymentFailed,
    PaymentVoided,
    RefundSettled,
)
from tandem_order_orchestrator.domain.order import Change, Order, changed, move_lines, unchanged
from tandem_order_orchestrator.domain.order_cancellation import cancel_open_lines
from tandem_order_orchestrator.domain.order_parts import Return
from tandem_order_orchestrator.domain.order_state import (
    FulfilmentState,
    OrderState,
    PaymentAction,
    PaymentState,
    ReturnState,
)


@dataclass(frozen=True)
class PaymentAnswer:
    """What the provider answered to one command."""

    command_id: str
    action: PaymentAction
    succeeded: bool
    amount: int
    provider_ref: str
    decline_reason: str
    completed_at: datetime


def payment_command_id(order: Order, action: PaymentAction, part: str = "") -> str:
    """Names one operation of one order for ever."""
    return deterministic_id("payment", order.tenant, order.id, action.value, part)


def ask_authorisation(order: Order, now: datetime) -> Change:
    """The payment becomes due; an order that costs nothing is released at once."""
    if order.total == 0:
        return release(order, now)
    action = PaymentAction.AUTHORISE
    due = PaymentDue(payment_command_id(order, action), action, order.total)
    payment = replace(order.payment, state=PaymentState.AUTHORISING)
    return changed(order, now, due, payment=payment)


def answered(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    """Takes the provider's answer; an answer known before changes nothing."""
    if not answer.succeeded:
        return _declined(order, answer, now)
    steps = {
        PaymentAction.AUTHORISE: _authorised,
        PaymentAction.CAPTURE: _captured,
        PaymentAction.REFUND: _refunded,
        PaymentAction.VOID: _voided,
    }
    return steps[answer.action](order, answer, now)


def _authorised(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    if order.payment.state is not PaymentState.AUTHORISING:
        return unchanged(order)
    payment = replace(
        order.payment, authorised=answer.amount, authorisation_ref=answer.provider_ref
    )
    happened = PaymentAuthorised(answer.amount, answer.provider_ref)
    if order.state is OrderState.CANCELLED:
        action = PaymentAction.VOID
        payment = replace(payment, state=PaymentState.AUTHORISED)
    else:
        action = PaymentAction.CAPTURE
        payment = replace(payment, state=PaymentState.CAPTURING)
    due = PaymentDue(
        payment_command_id(order, action), action, answer.amount, provider_ref=answer.provider_ref
    )
    return changed(order, now, happened, due, payment=payment)


def _captured(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    if order.payment.state is not PaymentState.CAPTURING:
        return unchanged(order)
    payment = replace(
        order.payment,
        state=PaymentState.CAPTURED,
        captured=answer.amount,
        capture_ref=answer.provider_ref,
    )
    happened = PaymentCaptured(answer.amount, answer.provider_ref, answer.completed_at)
    change = changed(order, now, happened, payment=payment)
    if order.state is OrderState.CANCELLED:
        # Cancelled while the capture was under way: the money came and must go back whole.
        return change.then(cancel_open_lines(change.order, order.reason, now))
    return change.then(release(change.order, now))


def release(order: Order, now: datetime) -> Change:
    """Locations are told to ship what is reserved there."""
    quantities = {
        line.draft.line_ref: line.quantities.reserved
        for line in order.lines
        if line.quantities.reserved
    }
    fulfilments = tuple(replace(f, state=FulfilmentState.RELEASED) for f in order.fulfilments)
    return changed(
        order,
        now,
        FulfilmentReleased(fulfilments),
        lines=move_lines(order, "reserved", "released", quantities),
        fulfilments=fulfilments,
    )


def _refunded(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    settled = _return_of(order, answer.command_id)
    if settled is None or settled.state is ReturnState.SETTLED:
        return unchanged(order)
    payment = order.payment
    refunded = payment.refunded + answer.amount
    whole = refunded >= payment.captured
    payment = replace(
        payment,
        refunded=refunded,
        refund_due=payment.refund_due - settled.refund_amount,
        state=PaymentState.REFUNDED if whole else PaymentState.PARTIALLY_REFUNDED,
    )
    done = replace(settled, state=ReturnState.SETTLED, refund_ref=answer.provider_ref)
    happened = RefundSettled(settled.id, answer.amount, answer.provider_ref, answer.completed_at)
    return changed(order, now, happened, payment=payment, returns=_replaced(order, done))


def _voided(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    if order.payment.state is PaymentState.VOIDED:
        return unchanged(order)
    payment = replace(order.payment, state=PaymentState.VOIDED)
    return changed(order, now, PaymentVoided(answer.provider_ref), payment=payment)


def _declined(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    """A refused authorisation or capture cancels the order; a refused refund asks for a person."""
    if answer.action is PaymentAction.REFUND:
        return _refund_declined(order, answer, now)
    waiting = {
        PaymentAction.AUTHORISE: PaymentState.AUTHORISING,
        PaymentAction.CAPTURE: PaymentState.CAPTURING,
    }
    failed = PaymentFailed(answer.action, answer.decline_reason)
    if answer.action is PaymentAction.VOID:
        return changed(order, now, failed)
    if order.payment.state is not waiting[answer.action]:
        return unchanged(order)
    payment = replace(order.payment, state=PaymentState.DECLINED)
    change = changed(order, now, failed, payment=payment)
    if order.state is OrderState.CANCELLED:
        return change
    return change.then(cancel_open_lines(change.order, "PAYMENT_DECLINED", now))


def _refund_declined(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    refused = _return_of(order, answer.command_id)
    if refused is None or refused.state is not ReturnState.APPROVED:
        return unchanged(order)
    payment = replace(order.payment, refund_due=order.payment.refund_due - refused.refund_amount)
    done = replace(refused, state=ReturnState.REFUND_DECLINED)
    happened: OrderEvent = PaymentFailed(answer.action, answer.decline_reason, refused.id)
    return changed(order, now, happened, payment=payment, returns=_replaced(order, done))


def _return_of(order: Order, command_id: str) -> Return | None:
    for item in order.returns:
        if payment_command_id(order, PaymentAction.REFUND, item.id) == command_id:
            return item
    return None


def _replaced(order: Order, done: Return) -> tuple[Return, ...]:
    return tuple(done if item.id == done.id else item for item in order.returns)
