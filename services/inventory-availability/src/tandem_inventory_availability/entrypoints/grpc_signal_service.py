"""`tandem.inventory.v1.SignalService`: reports of physical stock."""

from __future__ import annotations

from typing import Any

from tandem.inventory.v1 import signal_service_pb2 as api
from tandem.inventory.v1 import signal_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.adapters.stock_writes import carrier
from tandem_inventory_availability.adapters.wire.signal_mapping import from_signal, to_result
from tandem_inventory_availability.application.submit_signals import submit_signals


class SignalService(signal_service_pb2_grpc.SignalServiceServicer):
    """Maps requests to signals."""

    def __init__(self, writes: IdempotentWrites, clock: Clock) -> None:
        self._writes = writes
        self._clock = clock

    async def SubmitSignals(
        self, request: api.SubmitSignalsRequest, context: Any
    ) -> api.SubmitSignalsResponse:
        """Applies signals, each with its own outcome."""
        tenant, origin = current_caller().tenant, carrier()
        signals = [
            from_signal(message, tenant, f"signals[{number}]", origin)
            for number, message in enumerate(request.signals)
        ]

        async def submit(uow: UnitOfWork) -> api.SubmitSignalsResponse:
            transaction = PostgresStockTransaction(uow)
            results = await submit_signals(transaction, signals, self._clock.now())
            return api.SubmitSignalsResponse(results=[to_result(result) for result in results])

        return await self._writes.run(request, submit)
