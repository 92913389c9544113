"""Follows the journal: which positions changed since the last look.

Ids are given out before their transaction commits, so a row may appear below one that was read
already. Such ids are waited for; without that a change that commits late would never be seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ROWS_MAX = 5_000
IN_FLIGHT_IDS_MAX = 2_000
"""How far below the newest id one may still be about to commit."""
MISSING_WAIT_S = 60.0
"""An id that is not there by then belongs to a transaction that was rolled back."""

_NEWEST = text("""
    SELECT id FROM event_journal
    WHERE id >= (SELECT COALESCE(max(id), 0) FROM event_journal) - :ids
""")
_NEW = text("""
    SELECT id, tenant, agg_type, agg_id FROM event_journal
    WHERE id > :high OR id = ANY(CAST(:missing AS bigint[])) ORDER BY id LIMIT :rows
""")
_SINCE = text("""
    SELECT tenant, agg_id FROM event_journal
    WHERE id > :since AND agg_type = 'stock_position' AND tenant = :tenant LIMIT :rows
""")

Changed = tuple[str, str]
"""Tenant and SKU."""


class JournalTail:
    """``high`` is the greatest id read; ids below it that are not there are waited for."""

    def __init__(self) -> None:
        self.high: int | None = None
        self._missing: dict[int, float] = {}

    @property
    def horizon(self) -> int:
        """Everything up to this id was seen."""
        return min(self._missing, default=(self.high or 0) + 1) - 1

    async def begin(self, connection: AsyncConnection) -> None:
        """Starts from now, unless it did before; what is about to commit is waited for."""
        if self.high is not None:
            return
        rows = await connection.execute(_NEWEST, {"ids": IN_FLIGHT_IDS_MAX})
        there = {int(row[0]) for row in rows}
        if self.high is not None:
            return
        self.high = max(there, default=0)
        expected = range(max(1, self.high - IN_FLIGHT_IDS_MAX), self.high)
        self._missing = dict.fromkeys(set(expected) - there, time.monotonic())

    def end(self) -> None:
        """Forgets where it was: nobody watches any more."""
        self.high = None
        self._missing.clear()

    async def changes(self, connection: AsyncConnection) -> tuple[set[Changed], bool]:
        """SKUs of positions that changed, and whether there is more to read at once."""
        await self.begin(connection)
        arguments = {"high": self.high, "missing": list(self._missing), "rows": ROWS_MAX}
        rows = (await connection.execute(_NEW, arguments)).all()
        self._note(row.id for row in rows)
        changed = {
            (row.tenant, str(row.agg_id).rpartition("|")[0])
            for row in rows
            if row.agg_type == "stock_position"
        }
        return changed, len(rows) == ROWS_MAX

    def _note(self, ids: Iterable[int]) -> None:
        now = time.monotonic()
        for found in ids:
            self._missing.pop(found, None)
            if self.high is None or found <= self.high:
                continue
            self._missing.update(dict.fromkeys(range(self.high + 1, found), now))
            self.high = found
        for late in [key for key, since in self._missing.items() if now - since > MISSING_WAIT_S]:
            del self._missing[late]


async def changed_since(
    connection: AsyncConnection, tenant: str, since: int, rows_max: int
) -> set[str] | None:
    """SKUs that changed after an id; None when there are more events than are looked at."""
    arguments = {"tenant": tenant, "since": since, "rows": rows_max + 1}
    rows = (await connection.execute(_SINCE, arguments)).all()
    if len(rows) > rows_max:
        return None
    return {str(row.agg_id).rpartition("|")[0] for row in rows}
