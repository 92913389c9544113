"""An order is complete when nothing is pending on it."""

from __future__ import annotations

from datetime import datetime

from tandem_order_orchestrator.domain.events import OrderCompleted
from tandem_order_orchestrator.domain.order import Change, Order, changed, unchanged


def complete(order: Order, now: datetime) -> Change:
    """Completes an order of which all has left or was cancelled; otherwise changes nothing."""
    shipped = any(line.quantities.shipped for line in order.lines)
    still_open = any(line.quantities.open for line in order.lines)
    if order.completed or order.rejected or still_open or not shipped:
        return unchanged(order)
    return changed(order, now, OrderCompleted(order.draft.external_ref), completed=True)
