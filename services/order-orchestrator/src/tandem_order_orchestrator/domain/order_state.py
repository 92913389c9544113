"""Enumerations and views of an order, and the state derived from its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tandem_order_orchestrator.domain.line_quantities import LineQuantities


class OrderKind(StrEnum):
    """How the order reaches the customer."""

    SHIPPED = "SHIPPED"
    STORE_SALE = "STORE_SALE"


class OrderState(StrEnum):
    """Where the order is; derived, never set."""

    ACCEPTED = "ACCEPTED"
    RESERVED = "RESERVED"
    RELEASED = "RELEASED"
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    SHIPPED = "SHIPPED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    COMPLETED = "COMPLETED"
    PARTIALLY_RETURNED = "PARTIALLY_RETURNED"
    RETURNED = "RETURNED"


class PaymentState(StrEnum):
    """Where the money is."""

    NONE = "NONE"
    AUTHORISING = "AUTHORISING"
    AUTHORISED = "AUTHORISED"
    CAPTURING = "CAPTURING"
    CAPTURED = "CAPTURED"
    DECLINED = "DECLINED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"


class PaymentAction(StrEnum):
    """What the provider can be asked."""

    AUTHORISE = "AUTHORISE"
    CAPTURE = "CAPTURE"
    REFUND = "REFUND"
    VOID = "VOID"


class FulfilmentState(StrEnum):
    """Where the goods of one location are."""

    CREATED = "CREATED"
    RELEASED = "RELEASED"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


class ReturnState(StrEnum):
    """Where a return is."""

    APPROVED = "APPROVED"
    SETTLED = "SETTLED"
    REFUND_DECLINED = "REFUND_DECLINED"


class Disposition(StrEnum):
    """What becomes of returned goods."""

    RESTOCK = "RESTOCK"
    SCRAP = "SCRAP"
    QUARANTINE = "QUARANTINE"
    KEEP = "KEEP"


class TenderType(StrEnum):
    """Kinds of payment over the counter."""

    CASH = "CASH"
    CARD = "CARD"
    GIFT_CARD = "GIFT_CARD"


@dataclass(frozen=True)
class StateFacts:
    """What the derived state depends on besides the quantities."""

    rejected: bool
    completed: bool


def derive_state(lines: Sequence[LineQuantities], facts: StateFacts) -> OrderState:
    """The order's state: a pure function of its quantities, first match wins."""
    shipped = sum(q.shipped for q in lines)
    returned = sum(q.returned for q in lines)
    still_open = sum(q.open for q in lines)
    if facts.rejected:
        return OrderState.REJECTED
    if shipped == 0 and still_open == 0:
        return OrderState.CANCELLED
    if returned:
        return OrderState.RETURNED if returned == shipped else OrderState.PARTIALLY_RETURNED
    if facts.completed:
        return OrderState.COMPLETED
    if shipped:
        return OrderState.PARTIALLY_SHIPPED if still_open else OrderState.SHIPPED
    if any(q.awaiting for q in lines):
        return OrderState.ACCEPTED
    return OrderState.RELEASED if any(q.released for q in lines) else OrderState.RESERVED
