"""Reads of a service's own journal: the events of an aggregate, and who changed since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from tandem_platform.aggregate_key import AggregateKey
from tandem_platform.database import Database
from tandem_platform.event_journal import JournalEvent
from tandem_platform.relay import event_of_row

READ_EVENTS_MAX = 500

_EVENTS = text("""
    SELECT * FROM event_journal
    WHERE tenant = :tenant AND agg_type = :type AND agg_id = :id
      AND agg_version BETWEEN :from_version AND :to_version
    ORDER BY agg_version LIMIT :events
""")
_NEWEST = text("""
    SELECT max(agg_version) FROM event_journal
    WHERE tenant = :tenant AND agg_type = :type AND agg_id = :id
""")
# NULL means "all": the planner sees the values, as these statements are not prepared generically.
_VERSIONS = text("""
    SELECT tenant, agg_type, agg_id, max(agg_version) AS version, max(recorded_at) AS recorded_at
    FROM event_journal
    WHERE agg_type = ANY (CAST(:types AS text[]))
      AND (CAST(:since AS timestamptz) IS NULL OR recorded_at >= :since)
      AND (cardinality(CAST(:parts AS smallint[])) = 0
           OR part = ANY (CAST(:parts AS smallint[])))
      AND (tenant, agg_type, agg_id) > (:after_tenant, :after_type, :after_id)
    GROUP BY tenant, agg_type, agg_id
    ORDER BY tenant, agg_type, agg_id
    LIMIT :aggregates
""")


@dataclass(frozen=True)
class StoredEvent:
    """An event with the time it was recorded."""

    event: JournalEvent
    recorded_at: datetime


@dataclass(frozen=True)
class NewestVersion:
    """An aggregate and its newest version."""

    key: AggregateKey
    version: int
    recorded_at: datetime


@dataclass(frozen=True)
class VersionsQuery:
    """Which aggregates; ``since`` None and empty ``partitions`` mean all."""

    aggregate_types: Sequence[str]
    since: datetime | None = None
    partitions: Sequence[int] = ()


class JournalStore:
    """Reads the journal of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def events(
        self, key: AggregateKey, from_version: int, to_version: int
    ) -> tuple[list[StoredEvent], int]:
        """At most READ_EVENTS_MAX events in order of version, and the newest version there is.

        ``to_version`` 0 means up to the newest. The newest is 0 when there is no event at all.
        """
        named = {"tenant": key.tenant, "type": key.aggregate_type, "id": key.aggregate_id}
        span = {
            "from_version": from_version,
            "to_version": to_version or 2**62,
            "events": READ_EVENTS_MAX,
        }
        async with self._database.transaction() as connection:
            rows = (await connection.execute(_EVENTS, {**named, **span})).all()
            newest = (await connection.execute(_NEWEST, named)).scalar_one()
        return [StoredEvent(event_of_row(row), row.recorded_at) for row in rows], newest or 0

    async def versions(
        self, query: VersionsQuery, after: AggregateKey | None, limit: int
    ) -> list[NewestVersion]:
        """Aggregates in order of tenant, type and id, beginning after ``after``."""
        after = after or AggregateKey("", "", "")
        parameters = {
            "types": list(query.aggregate_types),
            "since": query.since,
            "parts": list(query.partitions),
            "after_tenant": after.tenant,
            "after_type": after.aggregate_type,
            "after_id": after.aggregate_id,
            "aggregates": limit,
        }
        async with self._database.transaction() as connection:
            rows = (await connection.execute(_VERSIONS, parameters)).all()
        return [
            NewestVersion(
                AggregateKey(row.tenant, row.agg_type, row.agg_id), row.version, row.recorded_at
            )
            for row in rows
        ]
