"""Reserving an order: what the availability service answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.events import OrderRejected, OrderReserved
from tandem_order_orchestrator.domain.order import Change, Order, changed, move_lines, unchanged
from tandem_order_orchestrator.domain.order_parts import Fulfilment, FulfilmentLine, Shortage
from tandem_order_orchestrator.domain.order_payment import ask_authorisation
from tandem_order_orchestrator.domain.order_state import OrderKind, OrderState


@dataclass(frozen=True)
class PlannedLine:
    """Units of an order line planned to leave one location."""

    line_ref: str
    location: str
    quantity: int


def reserved(
    order: Order, reservation_id: str, plan: Sequence[PlannedLine], now: datetime
) -> Change:
    """All lines are reserved by the plan; the payment becomes due.

    An order cancelled meanwhile stays as it is: the process releases the stock.
    """
    if order.reservation_id or order.state is OrderState.CANCELLED:
        return unchanged(order)
    if order.kind is not OrderKind.SHIPPED or order.state is not OrderState.ACCEPTED:
        raise order.refused("reserve")
    quantities = {line.draft.line_ref: line.quantities.awaiting for line in order.lines}
    fulfilments = plan_fulfilments(order, plan)
    change = changed(
        order,
        now,
        OrderReserved(reservation_id, fulfilments),
        lines=move_lines(order, "awaiting", "reserved", quantities),
        fulfilments=fulfilments,
        reservation_id=reservation_id,
    )
    return change.then(ask_authorisation(change.order, now))


def plan_fulfilments(order: Order, plan: Sequence[PlannedLine]) -> tuple[Fulfilment, ...]:
    """One fulfilment per location, in the order the plan names them."""
    by_location: dict[str, list[FulfilmentLine]] = {}
    for part in plan:
        line = FulfilmentLine(part.line_ref, part.quantity)
        by_location.setdefault(part.location, []).append(line)
    return tuple(
        Fulfilment(deterministic_id("fulfilment", order.id, location), location, tuple(lines))
        for location, lines in by_location.items()
    )


def rejected(order: Order, reason: str, shortages: Sequence[Shortage], now: datetime) -> Change:
    """The order cannot be served; nothing is reserved, nothing is owed."""
    if order.rejected or order.state is OrderState.CANCELLED:
        return unchanged(order)
    if order.state is not OrderState.ACCEPTED:
        raise order.refused("reject")
    quantities = {line.draft.line_ref: line.quantities.awaiting for line in order.lines}
    return changed(
        order,
        now,
        OrderRejected(reason, tuple(shortages)),
        lines=move_lines(order, "awaiting", "cancelled", quantities),
        reason=reason,
        shortages=tuple(shortages),
        rejected=True,
    )
