"""Compares what is applied with what the producers' journals hold, whatever the bus delivered.

The last net (PLATFORM D9): a loss that no gap shows, because nothing came after it, is found here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from tandem_core.clock import Clock

from tandem_platform import version_gate
from tandem_platform.aggregate_key import AggregateKey
from tandem_platform.database import Database
from tandem_platform.journal_reader import JournalSource
from tandem_platform.journal_store import NewestVersion, VersionsQuery

COMPARE_INTERVAL_S = 30.0
# Rows are stamped before their transaction commits, and clocks differ: look back that much.
OVERLAP_S = 120.0
# What was recorded just now is still on its way.
IN_FLIGHT_S = 2.0
PAGES_MAX = 1_000

_READ = text("""
    SELECT min(watermark), count(*) FROM consumer_checkpoint
    WHERE consumer = :consumer AND part = ANY (CAST(:parts AS smallint[]))
""")
_WRITE = text("""
    INSERT INTO consumer_checkpoint (consumer, part, watermark)
    SELECT :consumer, part, :watermark FROM unnest(CAST(:parts AS smallint[])) AS mine (part)
    ON CONFLICT (consumer, part) DO UPDATE SET watermark = EXCLUDED.watermark
""")


class Checkpoints:
    """Finds aggregates a consumer is behind with."""

    def __init__(
        self, database: Database, journal: JournalSource, clock: Clock, consumer: str
    ) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock
        self._consumer = consumer

    async def behind(
        self, aggregate_types: frozenset[str], partitions: Sequence[int]
    ) -> list[AggregateKey]:
        """Keys of these partitions whose newest version is not applied. Raises RemoteError."""
        since = await self._watermark(partitions)
        query = VersionsQuery(sorted(aggregate_types), since, list(partitions))
        settled = self._clock.now() - timedelta(seconds=IN_FLIGHT_S)
        found: list[AggregateKey] = []
        token = ""
        for _ in range(PAGES_MAX):
            page, token = await self._journal.versions(query, token)
            found += await self._missing(page, settled)
            if not token:
                break
        return found

    async def passed(self, partitions: Sequence[int], at: datetime) -> None:
        """Everything recorded before ``at``, less the overlap, is applied."""
        watermark = at - timedelta(seconds=OVERLAP_S)
        parameters = {
            "consumer": self._consumer,
            "parts": list(partitions),
            "watermark": watermark,
        }
        async with self._database.transaction() as connection:
            await connection.execute(_WRITE, parameters)

    async def _watermark(self, partitions: Sequence[int]) -> datetime | None:
        parameters = {"consumer": self._consumer, "parts": list(partitions)}
        async with self._database.transaction() as connection:
            row = (await connection.execute(_READ, parameters)).one()
        # A partition never compared before makes the comparison begin at the beginning.
        return row[0] if row[1] == len(partitions) else None

    async def _missing(
        self, page: Sequence[NewestVersion], settled: datetime
    ) -> list[AggregateKey]:
        old = [newest for newest in page if newest.recorded_at <= settled]
        if not old:
            return []
        async with self._database.transaction() as connection:
            states = await version_gate.lock_states(
                connection, self._consumer, [newest.key for newest in old]
            )
        unknown = version_gate.KeyState()
        return [
            newest.key
            for newest in old
            if not (state := states.get(newest.key, unknown)).parked
            and state.version < newest.version
        ]
