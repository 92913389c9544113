"""Cases, and today's stock around them, read without locks."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import Clock
from tandem_platform.database import Database

from tandem_inventory_availability.adapters.postgres import (
    conflict_suspects,
    reservation_rows,
    supply_rows,
)
from tandem_inventory_availability.adapters.postgres.allocation_reads import book_of
from tandem_inventory_availability.adapters.postgres.conflict_rows import COLUMNS, to_case
from tandem_inventory_availability.adapters.postgres.conflict_suspects import Cursors
from tandem_inventory_availability.domain.conflict_case import (
    ConflictCase,
    ConflictCause,
    ConflictScope,
)
from tandem_inventory_availability.domain.conflict_deficit import overdrawn, supply_lost, worst
from tandem_inventory_availability.domain.conflict_ladder import Elsewhere, Incoming, Situation
from tandem_inventory_availability.domain.policy_rules import LocationPolicy
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.room import Demand, Floor, Room
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

CLAIMS_MAX = 1000
"""Claims looked at for victims; a case with more of them shows the newest."""
GROUPS_MAX = 200
"""Group claims looked at in one round."""
_QUOTA, _LOST = ConflictCause.QUOTA_UNBACKED, ConflictCause.SUPPLY_LOST

_ONE = text(f"SELECT {COLUMNS} FROM conflict_case WHERE tenant = :tenant AND id = :id")
_PAGE = f"""
    SELECT {COLUMNS}, key.first, key.second FROM conflict_case
    CROSS JOIN LATERAL (SELECT CASE WHEN :by_time THEN
        COALESCE((extract(epoch FROM break_at) * 1000)::bigint, 9000000000000000) ELSE -deficit
        END AS first, id::text AS second) AS key
    WHERE tenant = :tenant AND (open OR :closed) AND (:sku = '' OR sku = :sku)
      AND (:channel = '' OR :channel = ANY(channels))
      AND (key.first, key.second COLLATE "C") > (:after_first, :after_second)
    ORDER BY key.first, key.second COLLATE "C" LIMIT :rows
"""
_PAGE_QUERY = text(_PAGE)
# Victims are worked out apart from the hot path: who claims a shelf is no index of it.
_CLAIMS = text(f"""
    SELECT {reservation_rows.COLUMNS} FROM reservation
    WHERE tenant = :tenant AND state IN ('HELD', 'CONFIRMED')
      AND lines @> ANY (SELECT jsonb_build_array(line)
                        FROM jsonb_array_elements(CAST(:lines AS jsonb)) AS line)
    ORDER BY created_at DESC LIMIT :rows
""")
_UNSEEN = text("""
    SELECT tenant, id::text FROM conflict_case
    WHERE open AND deficit > 0 AND deficit <> (content->>'seen_deficit')::bigint
    ORDER BY opened_at LIMIT :rows
""")
_CLEAR = text("""
    SELECT tenant, id::text FROM conflict_case
    WHERE open AND clear_since <= :before ORDER BY clear_since LIMIT :rows
""")
_GROUPS = text("""
    SELECT tenant, sku, group_id, in_conflict FROM group_claim
    WHERE hard + soft > 0 AND (tenant, sku, group_id) > (:tenant, :sku, :group)
    ORDER BY tenant, sku, group_id LIMIT :rows
""")


@dataclass(frozen=True)
class Page:
    """What a list asks for; ``after`` is the sort key and id of the last case seen."""

    by_time: bool
    channel: str
    sku: str
    closed: bool
    after: tuple[int, str]
    rows: int


class ConflictReads:
    """Reads of one service database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def case(self, tenant: str, case_id: str) -> ConflictCase | None:
        """One case."""
        async with self._database.transaction() as connection:
            found = await connection.execute(_ONE, {"tenant": tenant, "id": case_id})
            row = found.one_or_none()
        return to_case(row) if row is not None else None

    async def page(self, tenant: str, asked: Page) -> list[tuple[ConflictCase, tuple[int, str]]]:
        """Cases with their place in the order."""
        arguments = {
            "tenant": tenant,
            "by_time": asked.by_time,
            "channel": asked.channel,
            "sku": asked.sku,
            "closed": asked.closed,
            "after_first": asked.after[0],
            "after_second": asked.after[1],
            "rows": asked.rows,
        }
        async with self._database.transaction() as connection:
            rows = (await connection.execute(_PAGE_QUERY, arguments)).all()
        return [(to_case(row), (row[13], row[14])) for row in rows]

    async def situation(self, case: ConflictCase) -> Situation:
        """Today's stock around a case."""
        scope, now = case.scope, self._clock.now()
        async with self._database.transaction() as connection:
            book = await book_of(connection, scope.tenant, [scope.sku], now)
            for line in await supply_rows.open_lines(connection, scope.tenant, [scope.sku]):
                if line.key == scope.place:
                    line.judged(book.policy(scope.tenant), now)
                    book.supply[scope.tenant, line.id] = line
            cause = _cause(book, case)
            unbacked = overdrawn(book, scope.place) if cause is _QUOTA else {}
            claims = await self._claims(connection, scope, unbacked)
        return Situation(
            now,
            claims,
            _elsewhere(book, scope),
            _incoming(book),
            lost=supply_lost(book, scope.place) if cause is _LOST else {},
            unbacked=frozenset(unbacked),
        )

    async def unseen(self, rows: int) -> list[tuple[str, str]]:
        """Open cases whose victims were worked out for another deficit, the oldest first."""
        async with self._database.transaction() as connection:
            return [(x[0], x[1]) for x in await connection.execute(_UNSEEN, {"rows": rows})]

    async def clear(self, grace: timedelta, rows: int) -> list[tuple[str, str]]:
        """Open cases where nothing has been missing for a grace time."""
        arguments = {"before": self._clock.now() - grace, "rows": rows}
        async with self._database.transaction() as connection:
            return [(x[0], x[1]) for x in await connection.execute(_CLEAR, arguments)]

    async def suspects(self, cursors: Cursors) -> tuple[list[Place], Cursors]:
        """Places to judge under locks: what their case says is not what is missing there."""
        async with self._database.transaction() as connection:
            found, cursors = await conflict_suspects.suspects(
                connection, self._clock.now(), cursors
            )
        return [scope.place for scope in found], cursors

    async def suspect_groups(
        self, after: tuple[str, str, str]
    ) -> tuple[list[GroupKey], tuple[str, str, str]]:
        """Of the next groups with unpinned claims, those that are or were short; and where to go
        on. Read without locks: holding all members still every second would stop their sales."""
        arguments = {"tenant": after[0], "sku": after[1], "group": after[2], "rows": GROUPS_MAX}
        now = self._clock.now()
        found: list[GroupKey] = []
        last = ("", "", "")
        async with self._database.transaction() as connection:
            rows = (await connection.execute(_GROUPS, arguments)).all()
            for tenant in sorted({row[0] for row in rows}):
                mine = [row for row in rows if row[0] == tenant]
                book = await book_of(connection, tenant, sorted({row[1] for row in mine}), now)
                room = Room(book, Demand(), floor=Floor.ZERO)
                keys = [(GroupKey(*row[:3]), row[3]) for row in mine]
                found += [key for key, flagged in keys if flagged or room.unclamped(key) < 0]
        if len(rows) == GROUPS_MAX:
            last = (rows[-1][0], rows[-1][1], rows[-1][2])
        return found, last

    async def _claims(
        self, connection: AsyncConnection, scope: ConflictScope, quotas: Collection[str]
    ) -> Sequence[Reservation]:
        place = "group" if scope.group else "location"
        lines: list[dict[str, object]] = [{place: scope.group or scope.location}]
        if quotas:
            # Also units pinned to a member draw of the quotas of its group.
            lines = [{"draws": [{"quota_id": name}]} for name in sorted(quotas)]
        document = json.dumps([{"sku": scope.sku, **line} for line in lines])
        arguments = {"tenant": scope.tenant, "lines": document}
        rows = await connection.execute(_CLAIMS, {**arguments, "rows": CLAIMS_MAX})
        found = [reservation_rows.to_reservation(row) for row in rows]
        return [r for r in found if not r.expired(self._clock.now())]


def _cause(book: StockBook, case: ConflictCase) -> ConflictCause:
    """What most units are missing for today; where nothing stands any more, why it was opened."""
    place = case.scope.place
    if isinstance(place, StockKey) and place not in book.positions:
        return case.cause
    return worst(book, place).cause


def _incoming(book: StockBook) -> list[Incoming]:
    lines = sorted(book.supply.values(), key=lambda line: (line.sellable_from, line.id))
    return [Incoming(line.id, line.left, line.sellable_from) for line in lines if line.left > 0]


def _elsewhere(book: StockBook, scope: ConflictScope) -> list[Elsewhere]:
    policy = book.policy(scope.tenant)
    places = [key for key in sorted(book.positions) if key.location != scope.location]
    found = []
    for key in sorted(places, key=lambda key: _priority(policy.locations, key)):
        if not policy.eligible(key.location, None, book.now):
            continue
        room = Room(book, Demand()).of(key)
        reserve = Room(book, Demand(), floor=Floor.ZERO).of(key) - room
        found.append(Elsewhere(key.location, room, max(0, reserve)))
    return found


def _priority(locations: Mapping[str, LocationPolicy], key: StockKey) -> tuple[int, str]:
    known = locations.get(key.location)
    return (known.priority if known is not None else 0, key.location)
