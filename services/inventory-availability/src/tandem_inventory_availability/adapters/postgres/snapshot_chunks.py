"""Applies accepted snapshots in parts, each a transaction of its own that takes its rows away with
it: a crash between two parts loses nothing and does nothing twice.

Rows that say what is booked already are the great majority of a full snapshot; one statement takes
hundreds of them. The others go the way of single signals, a few at a time: reservations wait for
as long as a part holds their positions, and for as long as it keeps the process busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import Clock
from tandem_platform.fault_points import fp
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres import snapshot_rows, source_rows
from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.application.signal_ports import SnapshotJob
from tandem_inventory_availability.domain.signal_source import Sequencing
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_position import Bucket
from tandem_inventory_availability.domain.stock_signal import StockSignal
from tandem_inventory_availability.domain.taking_signals import take_all

SAME_ROWS_MAX = 300
"""Rows of one transaction that looks for those that change nothing."""
CHANGED_ROWS_MAX = 25
"""Rows of one transaction that changes figures."""

_NEXT = text(f"""
    SELECT {snapshot_rows.COLUMNS} FROM snapshot_job WHERE state = 'ACCEPTED'
    ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_CHANGED = text("""
    DELETE FROM snapshot_row WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM snapshot_row
        WHERE tenant = :tenant AND job_id = CAST(:id AS uuid) AND changes
        ORDER BY sku LIMIT :rows FOR UPDATE))
    RETURNING sku, quantity
""")
_UNSEEN = text("""
    SELECT sku FROM snapshot_row
    WHERE tenant = :tenant AND job_id = CAST(:id AS uuid) AND NOT changes ORDER BY sku LIMIT :rows
""")
# The order of all transactions on positions.
_LOCK = text("""
    SELECT sku FROM stock_position
    WHERE tenant = :tenant AND location = :location AND sku = ANY(:skus)
    ORDER BY sku COLLATE "C" FOR UPDATE
""")
# Rows of a snapshot come faster than Postgres learns how many there are, and without statistics it
# would join whole tables. OFFSET 0 keeps each part a look-up by key, and rows are found again by
# their place, which nobody changes while positions and stream are locked.
_AT = "tenant = :tenant AND sku = r.sku AND location = :location"
_SAME = text(f"""
    WITH same AS MATERIALIZED (
        SELECT r.ctid AS row, p.ctid AS position, f.ctid AS feed, r.sku, r.quantity
        FROM snapshot_row AS r
        CROSS JOIN LATERAL (SELECT ctid FROM stock_position WHERE {_AT}
            AND on_hand = r.quantity AND local_net = 0 AND NOT gap OFFSET 0) AS p
        CROSS JOIN LATERAL (SELECT ctid FROM stock_feed WHERE {_AT}
            AND source = :source AND state = 'SELLABLE' AND gap_sequence = 0
            AND COALESCE(base_own, snapshot_sequence >= 0) AND base_epoch = :epoch
            AND (snapshot_sequence, base_tie COLLATE "C") < (:sequence, :tie) OFFSET 0) AS f
        WHERE r.tenant = :tenant AND r.job_id = CAST(:id AS uuid) AND r.sku = ANY(:skus)
          AND NOT EXISTS (SELECT 1 FROM stock_feed WHERE {_AT} AND source <> :source OFFSET 0)
          AND NOT EXISTS (SELECT 1 FROM stock_signal WHERE {_AT} AND source = :source
                          AND kind IN ('DELTA', 'MOVE') AND sequence >= :sequence OFFSET 0)
          AND NOT EXISTS (SELECT 1 FROM ledger_entry WHERE {_AT} AND local
                          AND effective_at > :as_of OFFSET 0)
          AND NOT EXISTS (SELECT 1 FROM stock_publication WHERE {_AT} AND source = :source
                          OFFSET 0)
    ), fed AS (
        UPDATE stock_feed AS f SET snapshot_sequence = :sequence, base_high = :sequence,
            base_tie = :tie, base_rule = :rule, base_own = true, snapshot_value = same.quantity,
            delta_sum = 0, cover = CAST(:cover AS jsonb),
            reported_at = GREATEST(f.reported_at, :as_of)
        FROM same WHERE f.ctid = same.feed
    ), fresh AS (
        UPDATE stock_position AS p SET source_at = GREATEST(p.source_at, :as_of),
            stale_at = GREATEST(p.stale_at, :stale_at)
        FROM same WHERE p.ctid = same.position
    ), journalled AS (
        INSERT INTO stock_signal (tenant, sku, location, source, sequence, kind, quantity, cause,
            reference, effective_at, outcome, held, headers, recorded_at, epoch, tie)
        SELECT :tenant, sku, :location, :source, :sequence, 'SNAPSHOT', quantity, 'SNAPSHOT',
            :reference, :as_of, 'APPLIED', false, '{{}}', :now, :epoch, :tie
        FROM same
    ), gone AS (
        DELETE FROM snapshot_row AS r USING same WHERE r.ctid = same.row RETURNING 1
    ) SELECT count(*) FROM gone
""")
_REST = text("""
    UPDATE snapshot_row SET changes = true
    WHERE tenant = :tenant AND job_id = CAST(:id AS uuid) AND sku = ANY(:skus)
""")
_PROGRESS = text("""
    UPDATE snapshot_job SET applied_rows = applied_rows + :applied,
        changed_rows = changed_rows + :changed,
        state = CASE WHEN applied_rows + :applied >= total_rows THEN 'APPLIED' ELSE state END,
        finished_at = CASE WHEN applied_rows + :applied >= total_rows THEN :now END,
        reason = CASE WHEN :reason <> '' THEN :reason ELSE reason END
    WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")


class SnapshotChunks:
    """Applies the next part of the oldest accepted snapshot."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def apply_next(self) -> int:
        """Rows that were applied or looked at; 0 when no snapshot waits."""
        async with self._units() as uow:
            row = (await uow.connection.execute(_NEXT)).first()
            if row is None:
                return 0
            job = snapshot_rows.to_job(row)
            done = await self._changed(uow, job) or await self._same(uow, job)
            if not done:
                await self._progress(uow.connection, job, (0, 0), "")
            await fp("inventory.snapshot_chunk")
            await uow.commit()
        return max(1, done)

    async def _changed(self, uow: UnitOfWork, job: SnapshotJob) -> int:
        named = {"tenant": job.tenant, "id": job.id, "rows": CHANGED_ROWS_MAX}
        rows = (await uow.connection.execute(_CHANGED, named)).all()
        if not rows:
            return 0
        signals = [job.header.signal(row[0], row[1], job.id) for row in sorted(rows)]
        transaction = PostgresSignalTransaction(uow)
        book = await transaction.open(signals, self._clock.now())
        results = take_all(book, signals)
        await transaction.store(book)
        refused = next((result.reason for result in results if result.reason), "")
        await self._progress(uow.connection, job, (len(rows), len(book.variances)), refused)
        return len(rows)

    async def _same(self, uow: UnitOfWork, job: SnapshotJob) -> int:
        connection, header = uow.connection, job.header
        named: dict[str, Any] = {"tenant": job.tenant, "id": job.id}
        unseen = await connection.execute(_UNSEEN, {**named, "rows": SAME_ROWS_MAX})
        skus = [row[0] for row in unseen]
        if not skus:
            return 0
        named["skus"] = skus
        registries = await source_rows.registries(connection, [job.tenant])
        found = await source_rows.lock_streams(connection, [header.source], registries)
        stream = found.get(header.source)
        applied = 0
        if stream is not None and _simple(job, stream):
            await connection.execute(_LOCK, {**named, "location": header.location})
            applied = await self._apply_same(connection, job, stream, skus)
            signal = stream.ranked(header.signal(skus[0], 0, job.id))
            stream.note(signal)
            await source_rows.save_streams(connection, [stream])
            await self._progress(connection, job, (applied, 0), "")
        await connection.execute(_REST, named)
        return len(skus)

    async def _apply_same(
        self,
        connection: AsyncConnection,
        job: SnapshotJob,
        stream: SourceStream,
        skus: Sequence[str],
    ) -> int:
        header = job.header
        signal: StockSignal = stream.ranked(header.signal("", 0, job.id))
        found = await connection.execute(
            _SAME,
            {
                "tenant": job.tenant,
                "id": job.id,
                "skus": list(skus),
                "location": header.location,
                "source": header.source.source,
                "epoch": header.epoch,
                "sequence": signal.sequence,
                "tie": signal.tie,
                "rule": stream.own_base(signal).rule.value,
                "cover": snapshot_rows.cover_of(signal),
                "as_of": header.as_of,
                "stale_at": header.as_of + stream.source.freshness_slo,
                "reference": header.reference,
                "now": self._clock.now(),
            },
        )
        return int(found.scalar_one())

    async def _progress(
        self, connection: AsyncConnection, job: SnapshotJob, rows: tuple[int, int], reason: str
    ) -> None:
        await connection.execute(
            _PROGRESS,
            {
                "tenant": job.tenant,
                "id": job.id,
                "applied": rows[0],
                "changed": rows[1],
                "reason": reason,
                "now": self._clock.now(),
            },
        )


def _simple(job: SnapshotJob, stream: SourceStream) -> bool:
    """True when all rows have one rank, and nothing else is told by the first of them."""
    one_rank = stream.source.sequencing in (Sequencing.SEQ, Sequencing.TIME)
    header = job.header
    current = header.epoch == stream.epoch and not stream.stale
    return one_rank and current and header.state is Bucket.SELLABLE
