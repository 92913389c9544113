"""Rows that tell which sources are silent, which miss numbers, and what was asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.resync import ResyncKind, ResyncRequest
from tandem_inventory_availability.domain.stock_signal import SourceKey

_SPEAKING = text("""
    SELECT tenant, source, reported_at FROM stock_source
    WHERE NOT stale AND reported_at IS NOT NULL ORDER BY reported_at LIMIT :rows
""")
_GAPS = text("""
    SELECT f.tenant, f.source FROM stock_feed AS f
    LEFT JOIN resync_request AS r ON r.tenant = f.tenant AND r.source = f.source
         AND r.closed_at IS NULL
    WHERE f.gap_sequence > 0 AND r.id IS NULL GROUP BY 1, 2 ORDER BY 1, 2 LIMIT :rows
""")
_WAIT = text("""
    INSERT INTO resync_request (tenant, id, source, epoch, kind, first_sequence, last_sequence,
                                cause, created_at, next_at)
    SELECT :tenant, CAST(:id AS uuid), source, epoch, 'REPLAY', 0, 0, 'GAP', :now, :next
    FROM stock_source WHERE tenant = :tenant AND source = :source
    ON CONFLICT DO NOTHING
""")
# A wish for numbers is over when nothing is missing; one for a snapshot when one came after it.
_CLOSE = text("""
    UPDATE resync_request AS r SET closed_at = :now
    WHERE r.closed_at IS NULL AND CASE WHEN r.cause = 'GAP' OR r.kind = 'REPLAY'
        THEN NOT EXISTS (SELECT 1 FROM stock_feed AS f WHERE f.tenant = r.tenant
                         AND f.source = r.source AND f.gap_sequence > 0)
        ELSE EXISTS (SELECT 1 FROM stock_signal AS s WHERE s.tenant = r.tenant
                     AND s.source = r.source AND s.epoch = r.epoch
                     AND s.kind IN ('SNAPSHOT', 'COUNT') AND s.recorded_at >= r.created_at) END
""")
_DUE = text("""
    SELECT tenant, source FROM resync_request
    WHERE closed_at IS NULL AND next_at <= :now ORDER BY next_at, tenant, source LIMIT :rows
""")
_ONE = text("""
    SELECT id::text, kind, first_sequence, last_sequence, cause, created_at, next_at, asked_times
    FROM resync_request
    WHERE tenant = :tenant AND source = :source AND closed_at IS NULL AND next_at <= :now
    FOR UPDATE
""")
_ASKED = text("""
    UPDATE resync_request SET kind = :kind, first_sequence = :first, last_sequence = :last,
        next_at = :next_at, asked_times = :asked_times
    WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")


async def speaking(connection: AsyncConnection, rows: int) -> list[tuple[SourceKey, datetime]]:
    """Streams that count as speaking and when they last did, the longest silent first."""
    found = await connection.execute(_SPEAKING, {"rows": rows})
    return [(SourceKey(row[0], row[1]), row[2]) for row in found]


async def new_gaps(connection: AsyncConnection, rows: int) -> list[SourceKey]:
    """Streams with a gap nobody watches yet."""
    found = await connection.execute(_GAPS, {"rows": rows})
    return [SourceKey(row[0], row[1]) for row in found]


async def watch_gap(
    connection: AsyncConnection, key: SourceKey, request_id: str, times: tuple[datetime, datetime]
) -> None:
    """Begins to wait: ``times`` are now and when the source is asked."""
    values = {**vars(key), "id": request_id, "now": times[0], "next": times[1]}
    await connection.execute(_WAIT, values)


async def close_done(connection: AsyncConnection, now: datetime) -> int:
    """Closes wishes that came true; how many."""
    return (await connection.execute(_CLOSE, {"now": now})).rowcount


async def due(connection: AsyncConnection, now: datetime, rows: int) -> list[SourceKey]:
    """Streams to ask now."""
    found = await connection.execute(_DUE, {"now": now, "rows": rows})
    return [SourceKey(row[0], row[1]) for row in found]


async def due_request(
    connection: AsyncConnection, key: SourceKey, now: datetime
) -> ResyncRequest | None:
    """The wish to tell now; its stream is locked."""
    row: Sequence[Any] | None = (await connection.execute(_ONE, {**vars(key), "now": now})).first()
    return ResyncRequest(row[0], ResyncKind(row[1]), *row[2:]) if row else None


async def asked(connection: AsyncConnection, tenant: str, request: ResyncRequest) -> None:
    """Writes that it was told."""
    await connection.execute(_ASKED, {**vars(request), "tenant": tenant})
