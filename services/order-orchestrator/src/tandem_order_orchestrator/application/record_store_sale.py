"""Records a sale over the counter; the same receipt again is the same sale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tandem_order_orchestrator.application.apply_order_steps import OrderStep
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.errors import OrderConflict
from tandem_order_orchestrator.domain.order import Change, Order, order_id, unchanged
from tandem_order_orchestrator.domain.store_sale import StoreSale, record_sale


@dataclass(frozen=True)
class RecordStoreSale:
    """A receipt as a store reported it."""

    tenant: str
    sale: StoreSale
    trace_id: str = ""

    def step(self) -> OrderStep:
        """Records the sale once. Raises OrderConflict on other content."""
        key = OrderKey(self.tenant, order_id(self.tenant, self.sale.draft.external_ref))
        return OrderStep(key, self._decide)

    def _decide(self, order: Order | None, now: datetime) -> Change:
        if order is None:
            return record_sale(self.tenant, self.sale, now, self.trace_id)
        if order.draft != self.sale.draft:
            raise OrderConflict(order.id, self.sale.draft.external_ref.id)
        return unchanged(order)
