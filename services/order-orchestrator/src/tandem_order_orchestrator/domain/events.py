"""What can happen to an order, as facts in the past tense. Amounts are minor units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tandem_order_orchestrator.domain.draft import DraftLine, ExternalRef, OrderDraft, Tax
from tandem_order_orchestrator.domain.order_parts import Fulfilment, Return, Shortage, Tender
from tandem_order_orchestrator.domain.order_state import PaymentAction


@dataclass(frozen=True)
class OrderEvent:
    """Base of all order events."""


@dataclass(frozen=True)
class OrderAccepted(OrderEvent):
    """Taken; nothing is reserved yet."""

    draft: OrderDraft
    total: int


@dataclass(frozen=True)
class OrderReserved(OrderEvent):
    """All lines are reserved."""

    reservation_id: str
    fulfilments: tuple[Fulfilment, ...]


@dataclass(frozen=True)
class OrderRejected(OrderEvent):
    """Refused; nothing is reserved."""

    reason: str
    shortages: tuple[Shortage, ...]


@dataclass(frozen=True)
class OrderCancelled(OrderEvent):
    """Everything that had not shipped was cancelled."""

    reason: str
    cancelled: tuple[tuple[str, int], ...]
    refund_amount: int
    return_id: str


@dataclass(frozen=True)
class PaymentDue(OrderEvent):
    """Something is due from the payment provider."""

    command_id: str
    action: PaymentAction
    amount: int
    provider_ref: str = ""
    return_id: str = ""


@dataclass(frozen=True)
class PaymentAuthorised(OrderEvent):
    """The provider authorised the amount."""

    amount: int
    provider_ref: str


@dataclass(frozen=True)
class PaymentCaptured(OrderEvent):
    """The provider took the amount."""

    amount: int
    provider_ref: str
    captured_at: datetime


@dataclass(frozen=True)
class PaymentFailed(OrderEvent):
    """The provider refused."""

    action: PaymentAction
    reason: str
    return_id: str = ""


@dataclass(frozen=True)
class PaymentVoided(OrderEvent):
    """An authorisation was let go."""

    provider_ref: str


@dataclass(frozen=True)
class PaymentOverdue(OrderEvent):
    """The provider has not answered in time; it is still waited for."""

    command_id: str
    action: PaymentAction
    due_at: datetime
    return_id: str = ""


@dataclass(frozen=True)
class FulfilmentReleased(OrderEvent):
    """Locations were told to ship."""

    fulfilments: tuple[Fulfilment, ...]


@dataclass(frozen=True)
class FulfilmentShipped(OrderEvent):
    """Goods left a location; ``lines`` hold this shipment's exact share of every amount."""

    fulfilment_id: str
    shipment_ref: str
    location: str
    shipped_at: datetime
    lines: tuple[DraftLine, ...]
    shipping_amount: int
    shipping_taxes: tuple[Tax, ...]


@dataclass(frozen=True)
class SaleCompleted(OrderEvent):
    """A store sold goods over the counter."""

    draft: OrderDraft
    location: str
    register: str
    sequence: int
    business_date: str
    tenders: tuple[Tender, ...]


@dataclass(frozen=True)
class ReturnApproved(OrderEvent):
    """Goods are booked by disposition; the refund becomes due."""

    approved_return: Return
    skus: tuple[str, ...]
    shipment_refs: tuple[str, ...]


@dataclass(frozen=True)
class RefundSettled(OrderEvent):
    """The customer has the money."""

    return_id: str
    amount: int
    provider_ref: str
    settled_at: datetime


@dataclass(frozen=True)
class OrderCompleted(OrderEvent):
    """Nothing is pending."""

    external_ref: ExternalRef
