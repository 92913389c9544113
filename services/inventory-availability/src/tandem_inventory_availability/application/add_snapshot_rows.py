"""AddSnapshotRows: a part of a snapshot; nothing of stock changes by it."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_core.errors import NotFound

from tandem_inventory_availability.application.signal_ports import SnapshotJob, SnapshotStore
from tandem_inventory_availability.domain.signal_errors import (
    SnapshotClosed,
    SnapshotIncomplete,
    SnapshotRowsWrong,
)


async def add_snapshot_rows(
    store: SnapshotStore, tenant: str, job_id: str, rows: Sequence[tuple[str, int]]
) -> int:
    """Rows received so far; never more than were declared.

    Raises NotFound, SnapshotClosed, SnapshotIncomplete, SnapshotRowsWrong.
    """
    job = await open_job(store, tenant, job_id)
    by_sku = dict(rows)
    if len(by_sku) < len(rows):
        skus = [sku for sku, _ in rows]
        twice = next(sku for number, sku in enumerate(skus) if sku in skus[:number])
        raise SnapshotRowsWrong(job_id, "SKU_TWICE", twice, len(rows) - len(by_sku))
    received = await store.add_rows(job, list(by_sku.items()))
    declared = job.header.declared_rows
    if received > declared:
        raise SnapshotIncomplete(job_id, "header.declared_rows", str(declared), str(received))
    return received


async def open_job(store: SnapshotStore, tenant: str, job_id: str) -> SnapshotJob:
    """A job that still takes rows. Raises NotFound, SnapshotClosed."""
    job = await store.lock(tenant, job_id)
    if job is None:
        raise NotFound("snapshot job", job_id)
    if job.state != "OPEN":
        raise SnapshotClosed(job_id, job.state)
    return job
