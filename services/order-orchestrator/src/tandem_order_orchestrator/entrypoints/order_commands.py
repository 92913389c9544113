"""Carries out the commands of order processes and takes their answers in."""

from __future__ import annotations

from tandem_platform import telemetry
from tandem_platform.fault_points import fp
from tandem_platform.saga_commands import CommandEnvelope

from tandem_order_orchestrator.adapters.order_writes import AnsweredCommand, OrderWrites
from tandem_order_orchestrator.application.apply_order_steps import OrderStep
from tandem_order_orchestrator.application.carry_out_command import Command, CommandExecutor
from tandem_order_orchestrator.application.ports import OrderKey


class OrderCommands:
    """What the dispatcher calls for each command."""

    def __init__(self, executor: CommandExecutor, writes: OrderWrites) -> None:
        self._executor = executor
        self._writes = writes

    async def execute(self, envelope: CommandEnvelope) -> None:
        """Makes the call and applies its answer once. Raises when there is no answer."""
        parent = telemetry.extract(envelope.headers)
        with telemetry.span(f"command {envelope.kind}", parent=parent):
            command = Command(
                id=envelope.id,
                key=OrderKey(envelope.tenant, envelope.saga_id),
                kind=envelope.kind,
                values=envelope.values,
                attempts=envelope.attempts,
            )
            step = await self._executor.carry_out(command)
            await fp("order.after_command_call")
            step = OrderStep(step.key, step.decide, step.process_hears, envelope.headers)
            await self._writes.answers.submit(AnsweredCommand(command, step))
