"""Runs checkpoints: for a call, and by themselves from time to time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tandem_core.clock import Clock
from tandem_core.ids import IdFactory
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_reconciliation.adapters.postgres.exception_read_models import ExceptionReadModels
from tandem_reconciliation.adapters.postgres.reconciliation_transaction import (
    PostgresReconciliationTransaction,
)
from tandem_reconciliation.application.ports import CheckpointRun
from tandem_reconciliation.application.run_checkpoint import RunCheckpoint
from tandem_reconciliation.domain.checkpoint import Checkpoint, Materiality, checkpoint_of


class CheckpointRuns:
    """All checkpoints of the service."""

    def __init__(
        self,
        checkpoints: Sequence[Checkpoint],
        materiality: Materiality,
        clock: Clock,
        ids: IdFactory,
    ) -> None:
        self._checkpoints = tuple(sorted(checkpoints, key=lambda checkpoint: checkpoint.id))
        self._materiality = materiality
        self._clock = clock
        self._ids = ids

    def chosen(self, checkpoint_id: str) -> Sequence[Checkpoint]:
        """One checkpoint, or all for an empty id. Raises CheckpointUnknown."""
        if not checkpoint_id:
            return self._checkpoints
        return (checkpoint_of(checkpoint_id, self._checkpoints),)

    async def run(
        self, uow: UnitOfWork, tenant: str, chosen: Sequence[Checkpoint]
    ) -> list[CheckpointRun]:
        """Runs checkpoints in order of their ids, in an open unit of work."""
        now: datetime = self._clock.now()
        transaction = PostgresReconciliationTransaction(uow, now)
        return [
            await RunCheckpoint(tenant, checkpoint, self._ids.new_id(), self._materiality).handle(
                transaction, now
            )
            for checkpoint in chosen
        ]


class PeriodicRuns:
    """Runs every checkpoint of every tenant."""

    def __init__(
        self,
        units: UnitOfWorkFactory,
        read_models: ExceptionReadModels,
        runs: CheckpointRuns,
        *,
        tenants_max: int,
    ) -> None:
        self._units = units
        self._read_models = read_models
        self._runs = runs
        self._tenants_max = tenants_max

    async def round(self) -> None:
        """One round over all tenants, each in its own transaction."""
        for tenant in await self._read_models.tenants(self._tenants_max):
            async with self._units() as uow:
                await self._runs.run(uow, tenant, self._runs.chosen(""))
                await uow.commit()
