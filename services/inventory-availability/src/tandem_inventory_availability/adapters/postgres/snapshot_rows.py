"""Rows of snapshots on their way: jobs, and the rows they have received."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.application.signal_ports import SnapshotJob
from tandem_inventory_availability.domain.errors import LocationUnknown
from tandem_inventory_availability.domain.signal_checks import SIGNAL_QUANTITY_MAX
from tandem_inventory_availability.domain.snapshot_file import (
    SnapshotFaults,
    SnapshotHeader,
    SnapshotScope,
)
from tandem_inventory_availability.domain.stock_position import Bucket
from tandem_inventory_availability.domain.stock_signal import SourceKey, StockSignal

_LOCATION = text("SELECT 1 FROM location WHERE tenant = :tenant AND id = :location")
_OPEN = text("""
    INSERT INTO snapshot_job (tenant, id, source, header, state, created_at)
    VALUES (:tenant, :id, :source, CAST(:header AS jsonb), 'OPEN', :now) ON CONFLICT DO NOTHING
""")
COLUMNS = """id::text, tenant, header::text, state, created_at, received_rows, total_rows,
             applied_rows, changed_rows, reason, finished_at"""
_ONE = f"SELECT {COLUMNS} FROM snapshot_job WHERE tenant = :tenant AND id = CAST(:id AS uuid)"
_LOCK = text(f"{_ONE} FOR UPDATE")
_SEEN = text(_ONE)
_LIST = text(f"""
    SELECT {COLUMNS} FROM snapshot_job
    WHERE tenant = :tenant AND (:source = '' OR source = :source)
      AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
    ORDER BY id DESC LIMIT :rows
""")
_ADD = text("""
    INSERT INTO snapshot_row (tenant, job_id, sku, quantity)
    SELECT :tenant, CAST(:id AS uuid), sku, quantity
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n (sku text, quantity bigint)
    ON CONFLICT (tenant, job_id, sku) DO UPDATE SET quantity = excluded.quantity
    RETURNING (xmax = 0) AS fresh
""")
_RECEIVED = text("""
    UPDATE snapshot_job SET received_rows = received_rows + :fresh
    WHERE tenant = :tenant AND id = CAST(:id AS uuid) RETURNING received_rows
""")
# The same lines as `snapshot_file.checksum_of`, in the order of their bytes.
_FAULTS = text("""
    SELECT count(*),
           encode(sha256(convert_to(COALESCE(
               string_agg(r.sku || chr(9) || r.quantity || chr(10), ''
                          ORDER BY r.sku COLLATE "C"), ''),
               'UTF8')), 'hex'),
           count(*) FILTER (WHERE i.sku IS NULL), min(r.sku) FILTER (WHERE i.sku IS NULL),
           count(*) FILTER (WHERE abs(r.quantity::numeric) > :most),
           min(r.sku) FILTER (WHERE abs(r.quantity::numeric) > :most)
    FROM snapshot_row AS r LEFT JOIN item AS i ON i.tenant = r.tenant AND i.sku = r.sku
    WHERE r.tenant = :tenant AND r.job_id = CAST(:id AS uuid)
""")
# What a full snapshot does not list is not there; only where a source said that something is.
_ZEROES = text("""
    INSERT INTO snapshot_row (tenant, job_id, sku, quantity, listed)
    SELECT DISTINCT f.tenant, CAST(:id AS uuid), f.sku, 0, false FROM stock_feed AS f
    WHERE f.tenant = :tenant AND f.location = :location AND f.state = :state
    ON CONFLICT DO NOTHING
""")
_ACCEPT = text("""
    UPDATE snapshot_job SET state = 'ACCEPTED', total_rows = (
        SELECT count(*) FROM snapshot_row WHERE tenant = :tenant AND job_id = CAST(:id AS uuid))
    WHERE tenant = :tenant AND id = CAST(:id AS uuid) RETURNING total_rows
""")
_REFUSE = text("""
    UPDATE snapshot_job SET state = 'REFUSED', reason = :reason, finished_at = :now
    WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")
_FORGET = text("DELETE FROM snapshot_row WHERE tenant = :tenant AND job_id = CAST(:id AS uuid)")


_ABANDON = text("""
    WITH refused AS (
        UPDATE snapshot_job SET state = 'REFUSED', reason = 'ABANDONED', finished_at = :now
        WHERE state = 'OPEN' AND created_at < :before RETURNING tenant, id
    ) DELETE FROM snapshot_row AS r USING refused AS j WHERE r.tenant = j.tenant AND r.job_id = j.id
""")


class PostgresSnapshotStore:
    """Snapshots in one open transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(self, job: SnapshotJob) -> None:
        """Keeps a new job. Raises LocationUnknown."""
        header = job.header
        place = {"tenant": job.tenant, "location": header.location}
        if (await self._connection.execute(_LOCATION, place)).first() is None:
            raise LocationUnknown(header.location, "header.location")
        values = {
            **_named(job),
            "source": header.source.source,
            "header": json.dumps(_to_document(header)),
            "now": job.created_at,
        }
        await self._connection.execute(_OPEN, values)

    async def lock(self, tenant: str, job_id: str) -> SnapshotJob | None:
        """A job, about to change."""
        found = await self._connection.execute(_LOCK, {"tenant": tenant, "id": job_id})
        row = found.first()
        return to_job(row) if row else None

    async def add_rows(self, job: SnapshotJob, rows: Sequence[tuple[str, int]]) -> int:
        """Keeps rows by SKU, each once; how many there are now."""
        told = json.dumps([{"sku": sku, "quantity": quantity} for sku, quantity in rows])
        added = await self._connection.execute(_ADD, {**_named(job), "rows": told})
        fresh = sum(1 for row in added if row[0])
        found = await self._connection.execute(_RECEIVED, {**_named(job), "fresh": fresh})
        return int(found.scalar_one())

    async def faults(self, job: SnapshotJob) -> SnapshotFaults:
        """What is wrong with the rows that came."""
        found = await self._connection.execute(
            _FAULTS, {**_named(job), "most": SIGNAL_QUANTITY_MAX}
        )
        row = found.one()
        return SnapshotFaults(row[0], row[1], row[2], row[3] or "", row[4], row[5] or "")

    async def accept(self, job: SnapshotJob) -> SnapshotJob:
        """Makes it ready to be applied; a full one gets a zero for each SKU it does not list."""
        header = job.header
        if header.scope is SnapshotScope.FULL_LOCATION:
            where = {"location": header.location, "state": header.state.value}
            await self._connection.execute(_ZEROES, {**_named(job), **where})
        total = (await self._connection.execute(_ACCEPT, _named(job))).scalar_one()
        return replace(job, state="ACCEPTED", total_rows=total)

    async def refuse(self, job: SnapshotJob, reason: str, now: datetime) -> None:
        """Ends it and forgets its rows."""
        await self._connection.execute(_REFUSE, {**_named(job), "reason": reason, "now": now})
        await self._connection.execute(_FORGET, _named(job))


async def abandon(connection: AsyncConnection, before: datetime, now: datetime) -> None:
    """Refuses snapshots opened before a moment and never closed."""
    await connection.execute(_ABANDON, {"before": before, "now": now})


async def snapshot_job(connection: AsyncConnection, tenant: str, job_id: str) -> SnapshotJob | None:
    """A job as it stands."""
    row = (await connection.execute(_SEEN, {"tenant": tenant, "id": job_id})).first()
    return to_job(row) if row else None


async def snapshot_jobs(
    connection: AsyncConnection, tenant: str, source: str, before: str | None, rows: int
) -> list[SnapshotJob]:
    """Jobs of a source (or all), newest first."""
    arguments = {"tenant": tenant, "source": source, "before": before, "rows": rows}
    return [to_job(row) for row in await connection.execute(_LIST, arguments)]


def cover_of(signal: StockSignal) -> str:
    """What a count says of other sources, as kept with its feed."""
    return json.dumps({"micros": signal.micros, "numbers": dict(signal.covers)})


def to_job(row: Sequence[Any]) -> SnapshotJob:
    """The job of a row."""
    header = _to_header(row[1], json.loads(row[2]))
    return SnapshotJob(row[0], row[1], header, *row[3:])


def _named(job: SnapshotJob) -> dict[str, object]:
    return {"tenant": job.tenant, "id": job.id}


def _to_document(header: SnapshotHeader) -> dict[str, Any]:
    return {
        **vars(header),
        "source": header.source.source,
        "scope": header.scope.value,
        "state": header.state.value,
        "as_of": header.as_of.isoformat(),
        "covers": dict(header.covers),
    }


def _to_header(tenant: str, document: Mapping[str, Any]) -> SnapshotHeader:
    told = dict(document)
    return SnapshotHeader(
        source=SourceKey(tenant, told.pop("source")),
        scope=SnapshotScope(told.pop("scope")),
        state=Bucket(told.pop("state")),
        as_of=datetime.fromisoformat(told.pop("as_of")),
        **told,
    )
