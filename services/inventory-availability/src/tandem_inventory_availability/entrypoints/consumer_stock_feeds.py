"""Applies what connectors report of physical stock."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.connector.v1.events_pb2 import StockMovementReported
from tandem_core.clock import Clock
from tandem_platform.delivery import Delivery
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.adapters.stock_writes import carrier
from tandem_inventory_availability.adapters.wire.signal_mapping import from_feed_event
from tandem_inventory_availability.application.submit_signals import apply_feed
from tandem_inventory_availability.domain.stock_signal import SourceKey, StockSignal

AGGREGATE_TYPES = frozenset({"stock_feed"})


class StockFeeds:
    """Takes snapshots and movements in, a whole batch in one transaction."""

    def __init__(self, clock: Clock, service: str) -> None:
        self._clock = clock
        self._service = service

    async def apply(self, uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
        """Applies a batch. Raises the first error, so that its event becomes a dead letter."""
        signals = [signal for delivery in deliveries for signal in self._signals(delivery)]
        await apply_feed(PostgresSignalTransaction(uow), signals, self._clock.now())

    def _signals(self, delivery: Delivery) -> list[StockSignal]:
        with delivery.processing(self._service):
            source = SourceKey(delivery.tenant, _source_of(delivery))
            return from_feed_event(delivery.event_type, delivery.payload, source, carrier())


def _source_of(delivery: Delivery) -> str:
    """Connection and stream. Both event types keep the provenance in the same field."""
    connection = StockMovementReported.FromString(delivery.payload).provenance.connection_id
    return f"{connection}/{delivery.aggregate_id.partition('|')[2]}"
