"""Keeps what other services tell as observations, in the consumer's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_core.clock import Clock
from tandem_platform import telemetry
from tandem_platform.delivery import Delivery
from tandem_platform.unit_of_work import UnitOfWork

from tandem_reconciliation.adapters.postgres.reconciliation_transaction import (
    PostgresReconciliationTransaction,
)
from tandem_reconciliation.adapters.wire.observation_mapping import SourceEvent, observations_of
from tandem_reconciliation.domain.observation import Observation

ORDER_AGGREGATES = frozenset({"order"})
FINANCE_AGGREGATES = frozenset({"journal"})
CONNECTOR_AGGREGATES = frozenset({"provider_transaction", "goods_receipt"})


class Observations:
    """Applies deliveries."""

    def __init__(self, clock: Clock, service: str) -> None:
        self._clock = clock
        self._service = service

    async def apply(self, uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
        """Keeps what a batch says. Raises the first error, so its event becomes a dead letter."""
        found = [item for delivery in deliveries for item in self._observed(delivery)]
        transaction = PostgresReconciliationTransaction(uow, self._clock.now())
        await transaction.observe(found)

    def _observed(self, delivery: Delivery) -> list[Observation]:
        with delivery.processing(self._service):
            source = SourceEvent(
                event_id=delivery.event_id,
                event_type=delivery.event_type,
                tenant=delivery.tenant,
                occurred_at=delivery.occurred_at,
                payload=delivery.payload,
                trace_id=telemetry.current_trace_id(),
            )
            return observations_of(source)
