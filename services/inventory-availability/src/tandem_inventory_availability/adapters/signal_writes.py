"""Signals of all callers go through two queues; a transaction holds the signals of many requests.

Large requests have a queue of their own: a single signal does not wait for thousands of others, and
no transaction holds positions for long.
"""

from __future__ import annotations

from collections.abc import Sequence

from tandem.inventory.v1 import signal_service_pb2 as api
from tandem_core.clock import Clock
from tandem_platform.fault_points import fp
from tandem_platform.group_writes import GroupWrites
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.adapters.wire.signal_mapping import to_result
from tandem_inventory_availability.application.submit_signals import submit_signals
from tandem_inventory_availability.domain.stock_signal import StockSignal

SMALL_SIGNALS_MAX = 20
"""Signals of a request that still counts as small."""
SMALL_REQUESTS_OF_BATCH_MAX = 100
LARGE_REQUESTS_OF_BATCH_MAX = 2

Signals = tuple[StockSignal, ...]


class SignalWrites:
    """The queues of signals."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._clock = clock
        self.small = self._queue(units, "signals", SMALL_REQUESTS_OF_BATCH_MAX)
        self.large = self._queue(units, "signals in bulk", LARGE_REQUESTS_OF_BATCH_MAX)

    def _queue(
        self, units: UnitOfWorkFactory, name: str, batch_max: int
    ) -> GroupWrites[Signals, api.SubmitSignalsResponse]:
        return GroupWrites[Signals, api.SubmitSignalsResponse](
            units, self._effects, api.SubmitSignalsResponse, name=name, batch_max=batch_max
        )

    async def submit(
        self, request: api.SubmitSignalsRequest | api.StreamSignalsRequest, signals: Signals
    ) -> api.SubmitSignalsResponse:
        """The outcome of each signal. Raises RequestIdReused, Overloaded."""
        queue = self.small if len(signals) <= SMALL_SIGNALS_MAX else self.large
        return await queue.submit(request, signals)

    async def _effects(
        self, uow: UnitOfWork, commands: Sequence[Signals]
    ) -> list[api.SubmitSignalsResponse | Exception]:
        together = [signal for signals in commands for signal in signals]
        now = self._clock.now()
        results = iter(await submit_signals(PostgresSignalTransaction(uow), together, now))
        await fp("inventory.after_signals")
        return [
            api.SubmitSignalsResponse(results=[to_result(next(results)) for _ in signals])
            for signals in commands
        ]
