"""A sale over the counter: the customer has the goods and has paid; it is only recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.draft import OrderDraft, check_draft
from tandem_order_orchestrator.domain.errors import TendersDisagree
from tandem_order_orchestrator.domain.events import SaleCompleted
from tandem_order_orchestrator.domain.order import Change, changed, new_order
from tandem_order_orchestrator.domain.order_parts import (
    Fulfilment,
    FulfilmentLine,
    PaymentView,
    Tender,
)
from tandem_order_orchestrator.domain.order_state import FulfilmentState, OrderKind, PaymentState

CASH_ROUNDING_MINOR_MAX = 5
"""Cash may be rounded by up to this many minor units (rounding rule R4)."""


@dataclass(frozen=True)
class StoreSale:
    """A receipt as a store reported it."""

    draft: OrderDraft
    location: str
    register: str
    sequence: int
    business_date: str
    tenders: tuple[Tender, ...]


def record_sale(tenant: str, sale: StoreSale, now: datetime, trace_id: str = "") -> Change:
    """Records the sale. Raises ValidationFailed or TendersDisagree."""
    check_draft(sale.draft)
    paid = sum(tender.amount for tender in sale.tenders)
    if abs(paid - sale.draft.total) > CASH_ROUNDING_MINOR_MAX:
        raise TendersDisagree(sale.draft.total, paid)
    order = new_order(tenant, OrderKind.STORE_SALE, sale.draft, now, trace_id)
    event = SaleCompleted(
        sale.draft, sale.location, sale.register, sale.sequence, sale.business_date, sale.tenders
    )
    return changed(
        order,
        now,
        event,
        lines=tuple(
            line.moved("awaiting", "shipped", line.quantities.awaiting) for line in order.lines
        ),
        fulfilments=(_handed_over(order.id, sale),),
        payment=replace(PaymentView(), state=PaymentState.CAPTURED, captured=paid),
    )


def _handed_over(order_id: str, sale: StoreSale) -> Fulfilment:
    return Fulfilment(
        id=deterministic_id("fulfilment", order_id, sale.location),
        location=sale.location,
        lines=tuple(FulfilmentLine(x.line_ref, x.quantity) for x in sale.draft.lines),
        state=FulfilmentState.SHIPPED,
        shipment_ref=sale.draft.external_ref.id,
        shipped_at=sale.draft.placed_at,
    )
