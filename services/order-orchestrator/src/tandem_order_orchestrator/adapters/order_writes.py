"""Every change of an order goes through here: rpcs and command answers by group commit, reports of
connectors in their consumer's transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tandem.order.v1.order_pb2 import Order as OrderMessage
from tandem_core.clock import Clock
from tandem_platform import telemetry
from tandem_platform.group_commit import GroupCommit
from tandem_platform.group_writes import GroupWrites
from tandem_platform.saga_commands import complete_commands
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_order_orchestrator.adapters.postgres.order_transaction import PostgresOrderTransaction
from tandem_order_orchestrator.adapters.wire.order_mapping import to_order
from tandem_order_orchestrator.application.apply_order_steps import (
    OrderStep,
    StepResult,
    apply_order_steps,
)
from tandem_order_orchestrator.application.carry_out_command import Command
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order import Order

Changed = Callable[[Sequence[Order]], None]


@dataclass(frozen=True)
class AnsweredCommand:
    """A command that was carried out, and the step its answer makes."""

    command: Command
    step: OrderStep


def carrier() -> dict[str, str]:
    """The current trace context, to travel with a step."""
    headers: dict[str, str] = {}
    telemetry.inject(headers)
    return headers


class OrderWrites:
    """Applies steps set-based and tells listeners which orders changed."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock
        self._listeners: list[Changed] = []
        self.requests = GroupWrites[OrderStep, OrderMessage](
            units, self._effects, OrderMessage, name="order requests"
        )
        self.answers = GroupCommit[AnsweredCommand, None](
            self._take_answers, name="order command answers"
        )

    def on_change(self, listener: Changed) -> None:
        """Calls ``listener`` after answers of other services were committed."""
        self._listeners.append(listener)

    async def apply(self, uow: UnitOfWork, steps: Sequence[OrderStep]) -> list[StepResult]:
        """Applies steps in an open unit of work; the caller commits."""
        return await apply_order_steps(PostgresOrderTransaction(uow), steps, self._clock.now())

    async def _effects(
        self, uow: UnitOfWork, steps: Sequence[OrderStep]
    ) -> list[OrderMessage | Exception]:
        results = await self.apply(uow, steps)
        return [to_order(r) if isinstance(r, Order) else r for r in results]

    async def _take_answers(self, answers: Sequence[AnsweredCommand]) -> list[Exception | None]:
        async with self._units() as uow:
            fresh = await complete_commands(uow.connection, [a.command.id for a in answers])
            # A command carried out twice may stand twice in one batch: the first answer counts.
            first = {a.command.id: a.step for a in reversed(answers) if a.command.id in fresh}
            steps = [first.pop(a.command.id) for a in answers if a.command.id in first]
            results = await self.apply(uow, steps)
            failed = [result for result in results if isinstance(result, Exception)]
            if failed:
                # An answer that the order refuses is a fault of ours: nothing of it is committed.
                raise failed[0]
            await uow.commit()
        changed = [result for result in results if isinstance(result, Order)]
        for listener in self._listeners:
            listener(changed)
        return [None] * len(answers)


class OrderWatch:
    """What a waiting call has heard of its order since it began to watch."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self._heard = asyncio.Event()

    def tell(self, order: Order) -> None:
        """Hands over the order after a committed change."""
        self.order = order
        self._heard.set()

    async def wait(self, seconds: float) -> Order | None:
        """The order after its next change, or None when the time is over first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        self._heard.clear()
        return self.order


class OrderChanges:
    """Lets a call wait until an answer of another service has changed its order.

    The order itself is handed over: reading it again cost more than the whole submission.
    """

    def __init__(self) -> None:
        self._waiting: dict[OrderKey, set[OrderWatch]] = {}

    def changed(self, orders: Sequence[Order]) -> None:
        """Tells all who wait for these orders."""
        for order in orders:
            for watch in self._waiting.get(OrderKey(order.tenant, order.id), ()):
                watch.tell(order)

    @contextmanager
    def watching(self, key: OrderKey) -> Iterator[OrderWatch]:
        """Begin before the order is written: a change in between is heard."""
        watch = OrderWatch()
        self._waiting.setdefault(key, set()).add(watch)
        try:
            yield watch
        finally:
            # Orders nobody waits for any more would pile up.
            self._waiting[key].discard(watch)
            if not self._waiting[key]:
                del self._waiting[key]
