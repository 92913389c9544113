"""Where streams stand, and what became of single signals; no locks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.resync import ResyncKind, ResyncRequest
from tandem_inventory_availability.domain.sequence_set import SequenceSet

OUTCOME_LINES_MAX = 250

_STREAMS = """
    SELECT s.source, s.epoch, s.seen::text, s.lost, s.reported_at, s.stale,
        (SELECT count(DISTINCT (f.sku, f.location)) FROM stock_feed AS f
         WHERE f.tenant = s.tenant AND f.source = s.source AND f.gap_sequence > 0),
        (SELECT count(*) FROM stock_signal AS h
         WHERE h.tenant = s.tenant AND h.source = s.source AND h.held),
        (SELECT count(*) FROM parked_signal AS p
         WHERE p.tenant = s.tenant AND p.source = s.source AND p.state = 'PARKED')
    FROM stock_source AS s WHERE s.tenant = :tenant
"""
_ONE = text(f"{_STREAMS} AND s.source = :source")
_LIST = text(f"""{_STREAMS} AND s.source COLLATE "C" > :after
    ORDER BY s.source COLLATE "C" LIMIT :rows""")
_RESYNCS = text("""
    SELECT id::text, kind, first_sequence, last_sequence, cause, created_at, next_at, asked_times
    FROM resync_request WHERE tenant = :tenant AND source = :source AND closed_at IS NULL
""")
_OUTCOME = text("""
    SELECT sku, location, state, kind, quantity, outcome, held, ambiguous, effective_at,
           recorded_at
    FROM stock_signal WHERE tenant = :tenant AND source = :source AND epoch = :epoch
      AND ((:tie <> '' AND tie = :tie) OR (:tie = '' AND sequence = :sequence))
    ORDER BY sku COLLATE "C", location COLLATE "C", state LIMIT :rows
""")


@dataclass(frozen=True)
class StreamStand:
    """Where a stream stands."""

    source: str
    epoch: int
    seen: SequenceSet
    reported_at: datetime | None
    stale: bool
    gap_positions: int
    held_signals: int
    parked_signals: int

    @property
    def watermark(self) -> int:
        """The greatest number up to which nothing is missing."""
        first = next(iter(self.seen.ranges), None)
        return first[1] if first and first[0] <= 1 and not self.seen.lost else 0


async def stream(connection: AsyncConnection, tenant: str, source: str) -> StreamStand | None:
    """One stream."""
    row = (await connection.execute(_ONE, {"tenant": tenant, "source": source})).first()
    return _to_stand(row) if row else None


async def streams(
    connection: AsyncConnection, tenant: str, after: str, rows: int
) -> list[StreamStand]:
    """Streams by source, after one."""
    arguments = {"tenant": tenant, "after": after, "rows": rows}
    return [_to_stand(row) for row in await connection.execute(_LIST, arguments)]


async def open_resyncs(
    connection: AsyncConnection, tenant: str, source: str
) -> list[ResyncRequest]:
    """Open requests to a source."""
    found = await connection.execute(_RESYNCS, {"tenant": tenant, "source": source})
    return [ResyncRequest(row[0], ResyncKind(row[1]), *row[2:]) for row in found]


async def outcome(
    connection: AsyncConnection, tenant: str, named: tuple[str, int, int, str]
) -> Sequence[RowMapping]:
    """Journal lines of a signal by source, epoch, number and id."""
    source, epoch, sequence, tie = named
    arguments = {
        "tenant": tenant,
        "source": source,
        "epoch": epoch,
        "sequence": sequence,
        "tie": tie,
        "rows": OUTCOME_LINES_MAX,
    }
    return (await connection.execute(_OUTCOME, arguments)).mappings().all()


def _to_stand(row: Sequence[Any]) -> StreamStand:
    seen = SequenceSet(((low, high) for low, high in json.loads(row[2])), row[3])
    return StreamStand(row[0], row[1], seen, *row[4:])
