"""Money that becomes due to the customer."""

from __future__ import annotations

from dataclasses import replace

from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.errors import RefundExceedsCapture
from tandem_order_orchestrator.domain.events import PaymentDue
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_parts import PaymentView
from tandem_order_orchestrator.domain.order_state import PaymentAction, PaymentState


def refund_command_id(order: Order, return_id: str) -> str:
    """Names the refund of one return for ever."""
    return deterministic_id("payment", order.tenant, order.id, PaymentAction.REFUND, return_id)


def refunded_over_the_counter(order: Order, amount: int) -> PaymentView:
    """The payment of a store sale with the money handed back. Raises RefundExceedsCapture.

    What was due counts as the limit when cash rounding took less than that.
    """
    payment = order.payment
    limit = max(payment.captured, order.total)
    if amount < 0 or payment.refunded + amount > limit:
        raise RefundExceedsCapture(limit, payment.refunded, amount)
    refunded = payment.refunded + amount
    whole = refunded >= payment.captured
    state = PaymentState.REFUNDED if whole else PaymentState.PARTIALLY_REFUNDED
    return replace(payment, refunded=refunded, state=state)


def refund_due(order: Order, return_id: str, amount: int) -> tuple[PaymentView, PaymentDue]:
    """The payment with the refund counted, and what is due from the provider.

    Raises ValidationFailed for a negative amount, RefundExceedsCapture for too much: refunds under
    way count, or two at once would give too much.
    """
    payment = order.payment
    if amount < 0:
        raise ValidationFailed([FieldViolation("lines", "the refund is negative", "refund.sign")])
    if payment.refunded + payment.refund_due + amount > payment.captured:
        given = payment.refunded + payment.refund_due
        raise RefundExceedsCapture(payment.captured, given, amount)
    due = PaymentDue(
        refund_command_id(order, return_id),
        PaymentAction.REFUND,
        amount,
        provider_ref=payment.capture_ref,
        return_id=return_id,
    )
    return replace(payment, refund_due=payment.refund_due + amount), due
