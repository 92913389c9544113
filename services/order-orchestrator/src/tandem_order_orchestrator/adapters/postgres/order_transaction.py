"""The port of the use cases on one open unit of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tandem_platform import telemetry
from tandem_platform.event_journal import JournalEvent, event_from
from tandem_platform.saga import (
    SagaCommand,
    SagaEngine,
    SagaEvent,
    SagaInput,
    SagaStep,
    SagaTimer,
    Values,
)
from tandem_platform.unit_of_work import UnitOfWork

from tandem_order_orchestrator.adapters.postgres.order_rows import (
    lock_names,
    read_orders,
    write_orders,
)
from tandem_order_orchestrator.adapters.wire.event_mapping import to_event
from tandem_order_orchestrator.application.ports import OrderKey, ProcessInput, RecordedEvent
from tandem_order_orchestrator.domain import order_process
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_process import ProcessEvent

AGGREGATE_TYPE = "order"


class OrderSaga:
    """The order process as a definition of the saga engine."""

    kind = order_process.KIND
    version = order_process.DEFINITION_VERSION

    def decide(self, state: str, data: Values, event: SagaEvent) -> SagaStep:
        """The pure decision of the domain, with commands in the engine's form."""
        heard = ProcessEvent(event.name, event.values)
        step = order_process.decide(state, data, heard, event.at)
        commands = tuple(SagaCommand(command.kind, command.values) for command in step.commands)
        timer = SagaTimer(step.timer.name, step.timer.at) if step.timer else None
        return SagaStep(step.state, step.data, commands, timer)


class PostgresOrderTransaction:
    """Orders, their events and their processes in one unit of work."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._engine = SagaEngine(OrderSaga())

    async def load(self, keys: Sequence[OrderKey]) -> dict[OrderKey, Order]:
        """The orders that exist, locked, also against being made by somebody else meanwhile."""
        await lock_names(self._unit.connection, keys)
        return await read_orders(self._unit.connection, keys, lock=True)

    async def store(self, orders: Sequence[Order], events: Sequence[RecordedEvent]) -> None:
        """Writes the orders; their events go to the journal on commit."""
        await write_orders(self._unit.connection, orders)
        for event in events:
            self._unit.record(journal_event(event))

    async def advance(
        self, inputs: Sequence[ProcessInput], now: datetime
    ) -> Mapping[OrderKey, Mapping[str, Any]]:
        """Feeds the processes."""
        given = [
            SagaInput(
                i.key.tenant,
                i.key.order_id,
                SagaEvent(i.event.name, i.event.values, now),
                i.carrier,
            )
            for i in inputs
        ]
        steps = await self._engine.advance(self._unit.connection, given, now)
        return {OrderKey(*key): step.data for key, step in steps.items()}


def journal_event(recorded: RecordedEvent) -> JournalEvent:
    """The journal row of an order event, on the trace of the step that caused it."""
    with telemetry.continued(recorded.carrier):
        return event_from(
            to_event(recorded.event, recorded.order),
            aggregate_type=AGGREGATE_TYPE,
            aggregate_id=recorded.order.id,
            aggregate_version=recorded.version,
            occurred_at=recorded.occurred_at,
            tenant=recorded.order.tenant,
            correlation_id=recorded.order.id,
        )
