"""The port of reconciliation on one open unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from tandem.reconciliation.v1 import events_pb2
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_reconciliation.adapters.postgres import case_rows, observation_rows
from tandem_reconciliation.adapters.wire.exception_mapping import to_exception
from tandem_reconciliation.application.ports import CheckpointRun, Population
from tandem_reconciliation.domain.exception_case import CaseChanges, CaseState, ExceptionCase
from tandem_reconciliation.domain.observation import Group, Observation

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class PostgresReconciliationTransaction:
    """Reconciliation's rows in one unit of work."""

    def __init__(self, unit: UnitOfWork, now: datetime) -> None:
        self._unit = unit
        self._now = now

    async def observe(self, observations: Sequence[Observation]) -> None:
        """Keeps observations once."""
        if observations:
            await observation_rows.write(self._unit.connection, observations, self._now)

    async def lock_checkpoint(self, tenant: str, checkpoint: str) -> None:
        """One run of a checkpoint at a time: two would open the same exception twice."""
        name = f"checkpoint {tenant} {checkpoint}"
        await self._unit.connection.execute(_LOCK, {"name": name})

    async def population(self, tenant: str, checkpoint: str) -> Population:
        """Counts and sums."""
        return await observation_rows.population(self._unit.connection, tenant, checkpoint)

    async def unbalanced(self, tenant: str, checkpoint: str, rows: int) -> list[Group]:
        """Groups whose sides differ."""
        return await observation_rows.unbalanced(self._unit.connection, tenant, checkpoint, rows)

    async def cases(
        self, tenant: str, checkpoint: str, ids: Sequence[str]
    ) -> dict[str, ExceptionCase]:
        """Open cases and these ids."""
        return await case_rows.cases(self._unit.connection, tenant, checkpoint, ids)

    async def store(self, run: CheckpointRun, changes: CaseChanges) -> None:
        """Writes the run and the cases."""
        connection = self._unit.connection
        await case_rows.write_run(connection, run)
        await case_rows.write_cases(connection, [*changes.opened, *changes.seen, *changes.resolved])
        for case in (*changes.opened, *changes.resolved):
            self._record(case)

    def _record(self, case: ExceptionCase) -> None:
        message = (
            events_pb2.ReconciliationExceptionOpened(exception=to_exception(case))
            if case.state is CaseState.OPEN
            else events_pb2.ReconciliationExceptionResolved(exception=to_exception(case))
        )
        self._unit.record(
            event_from(
                message,
                aggregate_type="reconciliation_exception",
                aggregate_id=case.id,
                aggregate_version=case.version,
                occurred_at=self._now,
                tenant=case.tenant,
                correlation_id=case.found.order_id or None,
            )
        )
