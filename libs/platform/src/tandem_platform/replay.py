"""Publishes events of the journal again, or only counts them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

REPLAY_ROWS_MAX = 100_000

_MATCHING = """
    published_at IS NOT NULL
    AND (:type = '' OR agg_type = :type) AND (:id = '' OR agg_id = :id)
    AND (CAST(:since AS timestamptz) IS NULL OR recorded_at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR recorded_at < :until)
"""
_COUNT = text(f"SELECT count(*) FROM event_journal WHERE {_MATCHING}")
_AGAIN = text(f"""
    UPDATE event_journal SET published_at = NULL, publication = publication + 1
    WHERE id IN (SELECT id FROM event_journal WHERE {_MATCHING} ORDER BY id LIMIT :rows)
""")


@dataclass(frozen=True)
class ReplayFilter:
    """Which published events; empty and None mean all. ``until`` is excluded."""

    aggregate_type: str = ""
    aggregate_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


async def count(connection: AsyncConnection, wanted: ReplayFilter) -> int:
    """How many events match."""
    return int((await connection.execute(_COUNT, _parameters(wanted))).scalar_one())


async def publish_again(connection: AsyncConnection, wanted: ReplayFilter) -> int:
    """Hands the oldest REPLAY_ROWS_MAX matching events to the relay; returns how many.

    Consumers drop what they applied before, so a replay is always safe.
    """
    parameters = {**_parameters(wanted), "rows": REPLAY_ROWS_MAX}
    return (await connection.execute(_AGAIN, parameters)).rowcount


def _parameters(wanted: ReplayFilter) -> dict[str, object]:
    return {
        "type": wanted.aggregate_type,
        "id": wanted.aggregate_id,
        "since": wanted.since,
        "until": wanted.until,
    }
