"""The money side of an order: what is due, and what the provider answered.

Each due operation has a command id made from the order and the operation, so the provider is asked
once for it however often we try.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_core.errors import CurrencyMismatch, FieldViolation, ValidationFailed
from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.events import (
    FulfilmentReleased,
    OrderEvent,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDue,
    PaymentFailed,
    PaymentOverdue,
    PaymentVoided,
    RefundSettled,
)
from tandem_order_orchestrator.domain.order import Change, Order, changed, move_lines, unchanged
from tandem_order_orchestrator.domain.order_cancellation import cancel_open_lines, void_due
from tandem_order_orchestrator.domain.order_parts import OverduePayment, Return
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
    currency_code: str


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
    """Takes the provider's answer; an answer known before changes nothing.

    Raises CurrencyMismatch or ValidationFailed for another amount than was asked: goods would
    leave for money that did not come.
    """
    change = _taken(order, answer, now)
    waiting = tuple(x for x in order.payment.overdue if x.command_id != answer.command_id)
    if not change.events or waiting == order.payment.overdue:
        return change
    payment = replace(change.order.payment, overdue=waiting)
    return Change(replace(change.order, payment=payment), change.events)


def mark_overdue(
    order: Order, action: PaymentAction, return_id: str, due_at: datetime, now: datetime
) -> Change:
    """Shows that the provider's answer is late; changes nothing when it came meanwhile."""
    command_id = payment_command_id(order, action, return_id)
    known = any(item.command_id == command_id for item in order.payment.overdue)
    if known or not _awaited(order, action, return_id):
        return unchanged(order)
    overdue = (*order.payment.overdue, OverduePayment(command_id, due_at))
    happened = PaymentOverdue(command_id, action, due_at, return_id)
    return changed(order, now, happened, payment=replace(order.payment, overdue=overdue))


def _awaited(order: Order, action: PaymentAction, return_id: str) -> bool:
    if action is PaymentAction.REFUND:
        return any(
            item.id == return_id and item.state is ReturnState.APPROVED for item in order.returns
        )
    if action is PaymentAction.VOID:
        return order.payment.void_due
    return order.payment.state is _WAITING_FOR[action]


_WAITING_FOR = {
    PaymentAction.AUTHORISE: PaymentState.AUTHORISING,
    PaymentAction.CAPTURE: PaymentState.CAPTURING,
}


def _taken(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    if not answer.succeeded:
        return _declined(order, answer, now)
    _check_amount(order, answer)
    steps = {
        PaymentAction.AUTHORISE: _authorised,
        PaymentAction.CAPTURE: _captured,
        PaymentAction.REFUND: _refunded,
        PaymentAction.VOID: _voided,
    }
    return steps[answer.action](order, answer, now)


def _check_amount(order: Order, answer: PaymentAnswer) -> None:
    item = _return_of(order, answer.command_id)
    if not _awaited(order, answer.action, item.id if item else ""):
        return
    if answer.currency_code != order.draft.currency_code:
        raise CurrencyMismatch(order.draft.currency_code, answer.currency_code)
    asked = order.total if answer.action is PaymentAction.AUTHORISE else order.payment.authorised
    asked = item.refund_amount if item else asked
    if answer.amount != asked:
        problem = f"{answer.amount} where {asked} was asked"
        raise ValidationFailed([FieldViolation("amount", problem, "payment.amount")])


def _authorised(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    if order.payment.state is not PaymentState.AUTHORISING:
        return unchanged(order)
    payment = replace(
        order.payment, authorised=answer.amount, authorisation_ref=answer.provider_ref
    )
    happened = PaymentAuthorised(answer.amount, answer.provider_ref)
    if order.state is OrderState.CANCELLED:
        payment = replace(payment, state=PaymentState.AUTHORISED)
        payment, due = void_due(order, payment)
    else:
        action = PaymentAction.CAPTURE
        payment = replace(payment, state=PaymentState.CAPTURING)
        command_id = payment_command_id(order, action)
        due = PaymentDue(command_id, action, answer.amount, provider_ref=answer.provider_ref)
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
    # A refund that was declined before is no longer counted as due.
    counted = settled.refund_amount if settled.state is ReturnState.APPROVED else 0
    payment = replace(
        payment,
        refunded=refunded,
        refund_due=payment.refund_due - counted,
        state=PaymentState.REFUNDED if whole else PaymentState.PARTIALLY_REFUNDED,
    )
    done = replace(settled, state=ReturnState.SETTLED, refund_ref=answer.provider_ref)
    happened = RefundSettled(settled.id, answer.amount, answer.provider_ref, answer.completed_at)
    return changed(order, now, happened, payment=payment, returns=_replaced(order, done))


def _voided(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    if not order.payment.void_due:
        return unchanged(order)
    payment = replace(order.payment, state=PaymentState.VOIDED, void_due=False)
    return changed(order, now, PaymentVoided(answer.provider_ref), payment=payment)


def _declined(order: Order, answer: PaymentAnswer, now: datetime) -> Change:
    """A refused authorisation or capture cancels the order; a refused refund asks for a person."""
    if answer.action is PaymentAction.REFUND:
        return _refund_declined(order, answer, now)
    if not _awaited(order, answer.action, ""):
        return unchanged(order)
    failed = PaymentFailed(answer.action, answer.decline_reason)
    if answer.action is PaymentAction.VOID:
        return changed(order, now, failed, payment=replace(order.payment, void_due=False))
    payment = replace(order.payment, state=PaymentState.DECLINED)
    events: tuple[OrderEvent, ...] = (failed,)
    if answer.action is PaymentAction.CAPTURE:
        # The authorisation still blocks the customer's money.
        payment, due = void_due(order, payment)
        events = (failed, due)
    change = changed(order, now, *events, payment=payment)
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
