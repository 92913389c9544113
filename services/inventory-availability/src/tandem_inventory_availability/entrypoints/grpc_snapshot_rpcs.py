"""The rpcs of `SignalService` on whole snapshots."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tandem.inventory.v1 import signal_service_pb2 as api
from tandem_core.errors import DomainError, NotFound
from tandem_core.ids import deterministic_id
from tandem_platform.pagination import page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.adapters.postgres.snapshot_rows import (
    PostgresSnapshotStore,
    snapshot_job,
    snapshot_jobs,
)
from tandem_inventory_availability.adapters.snapshot_steps import PostgresSnapshotSteps
from tandem_inventory_availability.adapters.wire.source_mapping import from_header, to_job
from tandem_inventory_availability.application.add_snapshot_rows import add_snapshot_rows
from tandem_inventory_availability.application.close_snapshot import close_snapshot
from tandem_inventory_availability.application.open_snapshot import open_snapshot
from tandem_inventory_availability.application.submit_snapshot import (
    SnapshotPart,
    submit_snapshot,
)
from tandem_inventory_availability.entrypoints.signal_doors import SignalDoors


class SnapshotRpcs:
    """Whole snapshots: header, rows, closing."""

    def __init__(self, doors: SignalDoors) -> None:
        self._doors = doors

    async def SubmitSnapshot(
        self, requests: AsyncIterator[api.SubmitSnapshotRequest], context: Any
    ) -> api.SubmitSnapshotResponse:
        """A whole snapshot in one stream."""
        caller = current_caller()
        steps = PostgresSnapshotSteps(self._doors.units, self._doors.clock, caller.tenant)

        def job_of(request_id: str) -> str:
            return deterministic_id("snapshot job", caller.principal, request_id)

        job = await submit_snapshot(steps, _parts(requests, caller.tenant), job_of)
        self._doors.poke_snapshots()
        return api.SubmitSnapshotResponse(job=to_job(job))

    async def OpenSnapshot(
        self, request: api.OpenSnapshotRequest, context: Any
    ) -> api.OpenSnapshotResponse:
        """Begins a snapshot."""
        header = from_header(request.header, current_caller().tenant)
        asked = (self._doors.ids.new_id(), self._doors.clock.now())

        async def begin(uow: UnitOfWork) -> api.OpenSnapshotResponse:
            store = PostgresSnapshotStore(uow.connection)
            job = await open_snapshot(store, PostgresSignalTransaction(uow), header, asked)
            return api.OpenSnapshotResponse(job=to_job(job))

        return await self._doors.idempotent.run(request, begin)

    async def AddSnapshotRows(
        self, request: api.AddSnapshotRowsRequest, context: Any
    ) -> api.AddSnapshotRowsResponse:
        """Takes a part of the rows."""
        tenant = current_caller().tenant
        rows = [(row.sku, row.quantity) for row in request.rows]

        async def add(uow: UnitOfWork) -> api.AddSnapshotRowsResponse:
            store = PostgresSnapshotStore(uow.connection)
            received = await add_snapshot_rows(store, tenant, request.job_id, rows)
            return api.AddSnapshotRowsResponse(received_rows=received)

        return await self._doors.idempotent.run(request, add)

    async def CloseSnapshot(
        self, request: api.CloseSnapshotRequest, context: Any
    ) -> api.CloseSnapshotResponse:
        """Accepts the snapshot whole, or refuses it whole."""
        tenant, now = current_caller().tenant, self._doors.clock.now()
        refused: list[DomainError] = []

        async def close(uow: UnitOfWork) -> api.CloseSnapshotResponse:
            store = PostgresSnapshotStore(uow.connection)
            job = await close_snapshot(store, tenant, request.job_id, now)
            if isinstance(job, DomainError):
                # The refusal is kept as the job's end, so its transaction must commit.
                refused.append(job)
                return api.CloseSnapshotResponse()
            return api.CloseSnapshotResponse(job=to_job(job))

        answer = await self._doors.idempotent.run(request, close)
        if refused:
            raise refused[0]
        if not answer.job.id:
            answer = api.CloseSnapshotResponse(job=to_job(await self._job(request.job_id)))
        self._doors.poke_snapshots()
        return answer

    async def GetSnapshotJob(
        self, request: api.GetSnapshotJobRequest, context: Any
    ) -> api.GetSnapshotJobResponse:
        """How far a snapshot is."""
        return api.GetSnapshotJobResponse(job=to_job(await self._job(request.job_id)))

    async def _job(self, job_id: str) -> Any:
        async with self._doors.database.transaction() as connection:
            found = await snapshot_job(connection, current_caller().tenant, job_id)
        if found is None:
            raise NotFound("snapshot job", job_id)
        return found

    async def ListSnapshotJobs(
        self, request: api.ListSnapshotJobsRequest, context: Any
    ) -> api.ListSnapshotJobsResponse:
        """A page of snapshots."""
        rows, tenant = page_size(request.page_size), current_caller().tenant
        after = self._doors.page_tokens.decode(request.page_token, request)
        before = str(after[0]) if after else None
        async with self._doors.database.transaction() as connection:
            found = await snapshot_jobs(connection, tenant, request.source, before, rows + 1)
        token = ""
        if len(found) > rows:
            token = self._doors.page_tokens.encode((found[rows - 1].id,), request)
        return api.ListSnapshotJobsResponse(
            jobs=[to_job(job) for job in found[:rows]], next_page_token=token
        )


async def _parts(
    requests: AsyncIterator[api.SubmitSnapshotRequest], tenant: str
) -> AsyncIterator[SnapshotPart]:
    async for request in requests:
        has_header = request.HasField("header")
        header = from_header(request.header, tenant) if has_header else None
        rows = [(row.sku, row.quantity) for row in request.rows.rows]
        yield SnapshotPart(request.request_id, header, rows)
