"""Applies many steps of many orders in one transaction: the only way an order changes.

Each step is decided by pure domain code in the order of arrival on locked rows; a step that fails
leaves its neighbours alone. What happened feeds the orders' processes in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tandem_core.errors import DomainError, NotFound

from tandem_order_orchestrator.application.ports import (
    OrderKey,
    OrderTransaction,
    ProcessInput,
    RecordedEvent,
)
from tandem_order_orchestrator.application.process_values import process_event
from tandem_order_orchestrator.domain.order import Change, Order
from tandem_order_orchestrator.domain.order_completion import complete
from tandem_order_orchestrator.domain.order_process import ProcessEvent, nothing_pending

Decide = Callable[[Order | None, datetime], Change]


ProcessHears = Callable[[Order], tuple[ProcessEvent, ...]]


def nothing_more(order: Order) -> tuple[ProcessEvent, ...]:
    """The process hears the order's own events only."""
    return ()


@dataclass(frozen=True)
class OrderStep:
    """One decision about one order, and what its process hears besides the order's events."""

    key: OrderKey
    decide: Decide
    process_hears: ProcessHears = nothing_more
    carrier: Mapping[str, str] = field(default_factory=dict)
    """Trace context of who asked, so that a batch keeps each flow on its own trace."""


def existing(decide: Callable[[Order, datetime], Change]) -> Decide:
    """A decision about an order that must exist. Raises NotFound."""

    def on_existing(order: Order | None, now: datetime) -> Change:
        if order is None:
            raise NotFound("order", "")
        return decide(order, now)

    return on_existing


StepResult = Order | DomainError


@dataclass
class _Batch:
    """What the steps made so far."""

    orders: dict[OrderKey, Order]
    now: datetime
    events: list[RecordedEvent] = field(default_factory=list)
    inputs: list[ProcessInput] = field(default_factory=list)
    touched: dict[OrderKey, Order] = field(default_factory=dict)
    carriers: dict[OrderKey, Mapping[str, str]] = field(default_factory=dict)

    def take(self, key: OrderKey, change: Change, carrier: Mapping[str, str]) -> Order:
        """Records a change: its events get the versions up to the order's new one."""
        first = change.order.version - len(change.events) + 1
        for place, event in enumerate(change.events):
            recorded = RecordedEvent(change.order, first + place, event, self.now, carrier)
            self.events.append(recorded)
            heard = process_event(event, change.order)
            self.inputs.append(ProcessInput(key, heard, carrier))
        self.carriers[key] = carrier
        if self.orders.get(key) is not change.order:
            self.orders[key] = self.touched[key] = change.order
        return change.order


async def apply_order_steps(
    transaction: OrderTransaction, steps: Sequence[OrderStep], now: datetime
) -> list[StepResult]:
    """Applies the steps; the result of each is the order after it or the error it met."""
    loaded = await transaction.load(sorted({step.key for step in steps}, key=_sort_key))
    batch = _Batch(dict(loaded), now)
    results = [_apply(batch, step) for step in steps]
    await _advance(transaction, batch)
    if batch.touched:
        await transaction.store(list(batch.touched.values()), batch.events)
    return [
        batch.orders[step.key] if isinstance(result, Order) else result
        for step, result in zip(steps, results, strict=True)
    ]


def _sort_key(key: OrderKey) -> tuple[str, str]:
    return key.tenant, key.order_id


def _apply(batch: _Batch, step: OrderStep) -> StepResult:
    try:
        change = step.decide(batch.orders.get(step.key), batch.now)
    except NotFound:
        return NotFound("order", step.key.order_id)
    except DomainError as error:
        return error
    order = batch.take(step.key, change, step.carrier)
    heard = step.process_hears(order)
    batch.inputs.extend(ProcessInput(step.key, event, step.carrier) for event in heard)
    return order


async def _advance(transaction: OrderTransaction, batch: _Batch) -> None:
    """Feeds the processes, then completes the orders nothing is pending on."""
    if not batch.inputs:
        return
    data = await transaction.advance(batch.inputs, batch.now)
    batch.inputs = []
    for key in _without_pending(batch, data):
        batch.take(key, complete(batch.orders[key], batch.now), batch.carriers.get(key, {}))
    if batch.inputs:
        await transaction.advance(batch.inputs, batch.now)


def _without_pending(
    batch: _Batch, data: Mapping[OrderKey, Mapping[str, Any]]
) -> Iterable[OrderKey]:
    return [key for key, values in data.items() if key in batch.orders and nothing_pending(values)]
