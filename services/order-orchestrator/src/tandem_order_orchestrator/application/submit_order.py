"""Takes an order; the same external order again is the same order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tandem_order_orchestrator.application.apply_order_steps import OrderStep
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.draft import OrderDraft
from tandem_order_orchestrator.domain.errors import OrderConflict
from tandem_order_orchestrator.domain.order import Change, Order, accept, order_id, unchanged


@dataclass(frozen=True)
class SubmitOrder:
    """The order as placed."""

    tenant: str
    draft: OrderDraft
    trace_id: str = ""

    def step(self) -> OrderStep:
        """Accepts the order, or finds it accepted before. Raises OrderConflict on other content."""
        key = OrderKey(self.tenant, order_id(self.tenant, self.draft.external_ref))
        return OrderStep(key, self._decide)

    def _decide(self, order: Order | None, now: datetime) -> Change:
        if order is None:
            return accept(self.tenant, self.draft, now, self.trace_id)
        if order.draft != self.draft:
            raise OrderConflict(order.id, self.draft.external_ref.id)
        return unchanged(order)
