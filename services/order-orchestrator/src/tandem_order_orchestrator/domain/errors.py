"""What can be wrong with a step of an order.

DomainError
├── OrderConflict          ORDER_CONFLICT           same external id, other content
├── OrderStateError        ORDER_STATE              the step is not open in this state
├── OrderLineQuantity      ORDER_LINE_QUANTITY      the line is not open for that many
├── RefundExceedsCapture   REFUND_EXCEEDS_CAPTURE   more back than was taken
├── TendersDisagree        TENDERS_DISAGREE         a receipt that does not add up
└── ReportTooEarly         ORDER_STATE              a report ahead of the facts it rests on
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class OrderConflict(DomainError):
    """The channel's order id exists with other content."""

    reason: ClassVar[str] = "ORDER_CONFLICT"
    order_id: str
    external_id: str


@dataclass(eq=False)
class OrderStateError(DomainError):
    """The order's state does not allow the step."""

    reason: ClassVar[str] = "ORDER_STATE"
    order_id: str
    state: str
    step: str


@dataclass(eq=False)
class OrderLineQuantity(DomainError):
    """The line does not exist (``open`` is 0) or is not open for that quantity."""

    reason: ClassVar[str] = "ORDER_LINE_QUANTITY"
    line_ref: str
    requested: int
    open: int
    field: str = "lines"


@dataclass(eq=False)
class RefundExceedsCapture(DomainError):
    """More would go back than was taken."""

    reason: ClassVar[str] = "REFUND_EXCEEDS_CAPTURE"
    captured_minor: int
    refunded_minor: int
    requested_minor: int


@dataclass(eq=False)
class TendersDisagree(DomainError):
    """The tenders of a receipt differ from what was due by more than cash rounding allows."""

    reason: ClassVar[str] = "TENDERS_DISAGREE"
    due_minor: int
    tendered_minor: int


@dataclass(eq=False)
class PayloadUnreadable(DomainError):
    """A fact that cannot be read as its stated type."""

    reason: ClassVar[str] = "PAYLOAD_UNREADABLE"
    event_type: str


class StockRefused(Exception):
    """The availability service refuses for a reason of its own, for example SKU_UNKNOWN.

    It never leaves the service: the order is rejected with ``reason``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ReportTooEarly(OrderStateError):
    """A report from outside came before what it rests on; it waits instead of failing."""
