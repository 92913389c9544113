"""The order aggregate: an immutable value; each step returns the next one and what happened.

Steps are in ``order_*.py`` beside this file, one file per concern. Version and state follow from
the steps and are never set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.draft import ExternalRef, OrderDraft, check_draft
from tandem_order_orchestrator.domain.errors import OrderLineQuantity, OrderStateError
from tandem_order_orchestrator.domain.events import OrderAccepted, OrderEvent
from tandem_order_orchestrator.domain.line_quantities import LineQuantities
from tandem_order_orchestrator.domain.order_parts import (
    Fulfilment,
    OrderLine,
    PaymentView,
    Return,
    Shortage,
)
from tandem_order_orchestrator.domain.order_state import (
    OrderKind,
    OrderState,
    StateFacts,
    derive_state,
)


@dataclass(frozen=True)
class Order:
    """An order and where every unit of every line is. Amounts are minor units of its currency."""

    id: str
    tenant: str
    kind: OrderKind
    draft: OrderDraft
    accepted_at: datetime
    updated_at: datetime
    lines: tuple[OrderLine, ...]
    version: int = 0
    payment: PaymentView = field(default_factory=PaymentView)
    fulfilments: tuple[Fulfilment, ...] = ()
    returns: tuple[Return, ...] = ()
    reservation_id: str = ""
    reason: str = ""
    shortages: tuple[Shortage, ...] = ()
    rejected: bool = False
    completed: bool = False
    trace_id: str = ""

    @property
    def state(self) -> OrderState:
        """Derived from the lines."""
        facts = StateFacts(rejected=self.rejected, completed=self.completed)
        return derive_state([line.quantities for line in self.lines], facts)

    @property
    def total(self) -> int:
        """What the customer owes."""
        return self.draft.total

    def line(self, line_ref: str) -> OrderLine:
        """The line of that name. Raises OrderLineQuantity with nothing open."""
        for line in self.lines:
            if line.draft.line_ref == line_ref:
                return line
        raise OrderLineQuantity(line_ref, 0, 0)

    def refused(self, step: str) -> OrderStateError:
        """The error of a step this state does not allow."""
        return OrderStateError(self.id, self.state.value, step)


class Change(NamedTuple):
    """The order after a step, and what happened in it."""

    order: Order
    events: tuple[OrderEvent, ...]

    def then(self, other: Change) -> Change:
        """Both steps, in order."""
        return Change(other.order, self.events + other.events)


def changed(order: Order, now: datetime, *events: OrderEvent, **fields: Any) -> Change:
    """The order with new fields; each event is one version."""
    version = order.version + len(events)
    return Change(replace(order, updated_at=now, version=version, **fields), events)


def unchanged(order: Order) -> Change:
    """A repeat: nothing happens."""
    return Change(order, ())


def order_id(tenant: str, ref: ExternalRef) -> str:
    """The same external order of a tenant always has the same id."""
    return deterministic_id("order", tenant, ref.system, ref.type, ref.id)


def accept(tenant: str, draft: OrderDraft, now: datetime, trace_id: str = "") -> Change:
    """Takes an order. Raises ValidationFailed naming the fields that cannot be."""
    check_draft(draft)
    order = new_order(tenant, OrderKind.SHIPPED, draft, now, trace_id)
    return changed(order, now, OrderAccepted(draft, draft.total))


def new_order(
    tenant: str, kind: OrderKind, draft: OrderDraft, now: datetime, trace_id: str
) -> Order:
    """An order of which nothing has happened yet."""
    lines = tuple(OrderLine(line, LineQuantities(line.quantity)) for line in draft.lines)
    return Order(
        id=order_id(tenant, draft.external_ref),
        tenant=tenant,
        kind=kind,
        draft=draft,
        accepted_at=now,
        updated_at=now,
        lines=lines,
        trace_id=trace_id,
    )


def move_lines(
    order: Order, source: str, target: str, quantities: Mapping[str, int]
) -> tuple[OrderLine, ...]:
    """All lines, with the named quantities moved. Raises OrderLineQuantity."""
    for line_ref in quantities:
        order.line(line_ref)
    return tuple(
        line.moved(source, target, quantities[line.draft.line_ref])
        if line.draft.line_ref in quantities
        else line
        for line in order.lines
    )
