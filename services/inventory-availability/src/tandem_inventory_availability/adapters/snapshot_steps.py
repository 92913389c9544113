"""The steps of a streamed snapshot, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_core.clock import Clock
from tandem_core.errors import DomainError
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.adapters.postgres.snapshot_rows import PostgresSnapshotStore
from tandem_inventory_availability.application.add_snapshot_rows import add_snapshot_rows
from tandem_inventory_availability.application.close_snapshot import close_snapshot
from tandem_inventory_availability.application.open_snapshot import open_snapshot
from tandem_inventory_availability.application.signal_ports import SnapshotJob
from tandem_inventory_availability.domain.snapshot_file import SnapshotHeader


class PostgresSnapshotSteps:
    """Steps of one tenant's snapshots."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock, tenant: str) -> None:
        self._units = units
        self._clock = clock
        self._tenant = tenant

    async def open(self, job_id: str, header: SnapshotHeader) -> SnapshotJob:
        """The job: a new one, or the one of a stream that broke."""
        async with self._units() as uow:
            store = PostgresSnapshotStore(uow.connection)
            known = await store.lock(self._tenant, job_id)
            if known is not None:
                return known
            asked = (job_id, self._clock.now())
            job = await open_snapshot(store, PostgresSignalTransaction(uow), header, asked)
            await uow.commit()
        return job

    async def add_rows(self, job_id: str, rows: Sequence[tuple[str, int]]) -> None:
        """Keeps rows."""
        async with self._units() as uow:
            store = PostgresSnapshotStore(uow.connection)
            await add_snapshot_rows(store, self._tenant, job_id, rows)
            await uow.commit()

    async def close(self, job_id: str) -> SnapshotJob | DomainError:
        """The accepted job, or why it was refused; either is kept."""
        async with self._units() as uow:
            store = PostgresSnapshotStore(uow.connection)
            closed = await close_snapshot(store, self._tenant, job_id, self._clock.now())
            await uow.commit()
        return closed
