"""Carries out one command of an order's process at the availability service.

The call is made outside of any transaction; what it answered becomes a step of the order in the
transaction that marks the command done. A crash in between repeats the call under the same id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tandem_order_orchestrator.application.apply_order_steps import (
    OrderStep,
    ProcessHears,
    existing,
)
from tandem_order_orchestrator.application.ports import OrderKey, StockGateway
from tandem_order_orchestrator.domain.errors import StockRefused
from tandem_order_orchestrator.domain.order import Order, unchanged
from tandem_order_orchestrator.domain.order_parts import Shortage
from tandem_order_orchestrator.domain.order_payment import mark_overdue
from tandem_order_orchestrator.domain.order_process import (
    BOOK_DISPOSITION,
    MARK_PAYMENT_OVERDUE,
    RECORD_SALE,
    RELEASE_STOCK,
    RESERVE_STOCK,
    SETTLE_SHIPMENT,
    ProcessEvent,
)
from tandem_order_orchestrator.domain.order_reservation import PlannedLine, rejected, reserved
from tandem_order_orchestrator.domain.order_state import OrderState, PaymentAction
from tandem_order_orchestrator.domain.sourcing import Demand, plan_sourcing, shortages_of

INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
RESERVE_ATTEMPTS_MAX = 3
"""Plans made anew when the stock of a plan was taken meanwhile."""


def done(order: Order) -> tuple[ProcessEvent, ...]:
    """The process hears that its command is done."""
    return (ProcessEvent("command_done"),)


def done_with(reservation_id: str) -> ProcessHears:
    """As `done`; a reservation that the order does not have, since it was cancelled meanwhile, has
    to be let go as well."""

    def hears(order: Order) -> tuple[ProcessEvent, ...]:
        if order.reservation_id == reservation_id:
            return done(order)
        late = ProcessEvent("ReservedAfterCancel", {"reservation_id": reservation_id})
        return (late, *done(order))

    return hears


@dataclass(frozen=True)
class Command:
    """One command of a process."""

    id: str
    key: OrderKey
    kind: str
    values: Mapping[str, Any]
    attempts: int = 1


class ReadOrder(Protocol):
    """Reads an order without a lock."""

    async def __call__(self, key: OrderKey) -> Order | None:
        """The order, or None."""
        ...


class CommandExecutor:
    """Turns a command into the step its answer makes."""

    def __init__(self, stock: StockGateway, read_order: ReadOrder) -> None:
        self._stock = stock
        self._read_order = read_order

    async def carry_out(self, command: Command) -> OrderStep:
        """Makes the call. Raises what the gateway raises when there is no answer."""
        if command.kind == RESERVE_STOCK:
            return await self._reserve(command)
        tenant, values = command.key.tenant, command.values
        if command.kind == RELEASE_STOCK:
            await self._stock.release(command.id, tenant, values["reservation_id"])
        elif command.kind == SETTLE_SHIPMENT:
            await self._stock.settle(command.id, tenant, values)
        elif command.kind == RECORD_SALE:
            await self._stock.record_sale(command.id, tenant, values)
        elif command.kind == BOOK_DISPOSITION:
            await self._stock.book_disposition(command.id, tenant, values)
        elif command.kind == MARK_PAYMENT_OVERDUE:
            return _overdue(command)
        else:
            raise ValueError(f"no executor for command {command.kind}")
        return nothing_to_do(command)

    async def _reserve(self, command: Command) -> OrderStep:
        order = await self._read_order(command.key)
        if order is None:
            raise LookupError(f"order {command.key.order_id} of command {command.id} is missing")
        if command.attempts > 1:
            # The answer to an earlier attempt may have been lost; its claim must not be forgotten,
            # least of all when the order was cancelled meanwhile.
            held = await self._stock.reservation_of(order)
            if held is not None:
                return _reserved(command, held.reservation_id, held.plan)
        if order.state is not OrderState.ACCEPTED:
            return nothing_to_do(command)
        try:
            return await self._plan_and_reserve(command, order)
        except StockRefused as refused:
            return _rejected(command, refused.reason, ())

    async def _plan_and_reserve(self, command: Command, order: Order) -> OrderStep:
        demands = [
            Demand(line.draft.line_ref, line.draft.sku, line.quantities.awaiting)
            for line in order.lines
        ]
        shortages: tuple[Shortage, ...] = ()
        for _ in range(RESERVE_ATTEMPTS_MAX):
            stock = await self._stock.stock_of(order.tenant, sorted({d.sku for d in demands}))
            plan = plan_sourcing(demands, stock)
            if not plan.lines:
                return _rejected(command, INSUFFICIENT_STOCK, plan.shortages)
            outcome = await self._stock.reserve(command.id, order, plan.lines)
            if outcome.reservation_id:
                return _reserved(command, outcome.reservation_id, plan.lines)
            if outcome.reason != INSUFFICIENT_STOCK:
                return _rejected(command, outcome.reason, ())
            shortages = shortages_of(demands, stock)
        return _rejected(command, INSUFFICIENT_STOCK, shortages)


def nothing_to_do(command: Command) -> OrderStep:
    """The command is done and changes nothing on the order."""
    return OrderStep(command.key, existing(lambda order, _: unchanged(order)), done)


def _reserved(command: Command, reservation_id: str, plan: Sequence[PlannedLine]) -> OrderStep:
    decide = existing(lambda order, now: reserved(order, reservation_id, plan, now))
    return OrderStep(command.key, decide, done_with(reservation_id))


def _overdue(command: Command) -> OrderStep:
    values = command.values
    action, due_at = PaymentAction(values["action"]), datetime.fromisoformat(values["due_at"])
    return OrderStep(
        command.key,
        existing(lambda order, now: mark_overdue(order, action, values["return_id"], due_at, now)),
        done,
    )


def _rejected(command: Command, reason: str, shortages: Sequence[Shortage]) -> OrderStep:
    decide = existing(lambda order, now: rejected(order, reason, shortages, now))
    return OrderStep(command.key, decide, done)
