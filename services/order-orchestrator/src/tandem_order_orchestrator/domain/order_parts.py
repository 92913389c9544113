"""Parts of an order: lines, money, fulfilments, returns, shortages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_order_orchestrator.domain.draft import DraftLine, ExternalRef
from tandem_order_orchestrator.domain.line_quantities import LineQuantities
from tandem_order_orchestrator.domain.order_state import (
    Disposition,
    FulfilmentState,
    PaymentState,
    ReturnState,
    TenderType,
)


@dataclass(frozen=True)
class OrderLine:
    """A line as ordered and where its units are."""

    draft: DraftLine
    quantities: LineQuantities

    def moved(self, source: str, target: str, quantity: int) -> OrderLine:
        """The line with units moved between buckets."""
        moved = self.quantities.move(self.draft.line_ref, source, target, quantity)
        return replace(self, quantities=moved)


@dataclass(frozen=True)
class OverduePayment:
    """A command the provider should have answered by ``due_at``."""

    command_id: str
    due_at: datetime


@dataclass(frozen=True)
class PaymentView:
    """The money side; minor units."""

    state: PaymentState = PaymentState.NONE
    authorised: int = 0
    captured: int = 0
    refunded: int = 0
    refund_due: int = 0
    """Refunds asked for and not yet settled; counts against what can still be refunded."""
    authorisation_ref: str = ""
    capture_ref: str = ""
    void_due: bool = False
    """The provider was asked to let the authorisation go and has not answered."""
    overdue: tuple[OverduePayment, ...] = ()


@dataclass(frozen=True)
class FulfilmentLine:
    """A quantity of one order line."""

    line_ref: str
    quantity: int


@dataclass(frozen=True)
class Fulfilment:
    """Goods of the order from one location."""

    id: str
    location: str
    lines: tuple[FulfilmentLine, ...]
    state: FulfilmentState = FulfilmentState.CREATED
    shipment_ref: str = ""
    shipped_at: datetime | None = None
    tracking_number: str = ""


@dataclass(frozen=True)
class ReturnLine:
    """Units of one line that come back; minor units of value and tax."""

    line_ref: str
    quantity: int
    net_amount: int
    tax_amount: int
    disposition: Disposition
    location: str = ""


@dataclass(frozen=True)
class Return:
    """Money back, with or without goods."""

    id: str
    external_ref: ExternalRef
    lines: tuple[ReturnLine, ...]
    refund_amount: int
    approved_at: datetime
    shipping_amount: int = 0
    shipping_tax_amount: int = 0
    state: ReturnState = ReturnState.APPROVED
    refund_ref: str = ""


@dataclass(frozen=True)
class Alternative:
    """Stock at one location that could be offered."""

    location: str
    available: int


@dataclass(frozen=True)
class Shortage:
    """What was short in the whole network, and where there is some."""

    sku: str
    requested: int
    available: int
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True)
class Tender:
    """One payment over the counter; negative for change."""

    type: TenderType
    amount: int
