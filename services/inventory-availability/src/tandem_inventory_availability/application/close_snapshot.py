"""CloseSnapshot: the snapshot is accepted whole, or refused whole and changes nothing."""

from __future__ import annotations

from datetime import datetime

from tandem_core.errors import DomainError

from tandem_inventory_availability.application.add_snapshot_rows import open_job
from tandem_inventory_availability.application.signal_ports import SnapshotJob, SnapshotStore
from tandem_inventory_availability.domain.signal_errors import (
    SnapshotIncomplete,
    SnapshotRowsWrong,
)
from tandem_inventory_availability.domain.snapshot_file import check_complete


async def close_snapshot(
    store: SnapshotStore, tenant: str, job_id: str, now: datetime
) -> SnapshotJob | DomainError:
    """The accepted job, or why it was refused; the caller commits either and then raises.

    Raises NotFound, SnapshotClosed.
    """
    job = await open_job(store, tenant, job_id)
    try:
        check_complete(job_id, job.header, await store.faults(job))
    except (SnapshotIncomplete, SnapshotRowsWrong) as error:
        await store.refuse(job, error.reason, now)
        return error
    return await store.accept(job)
