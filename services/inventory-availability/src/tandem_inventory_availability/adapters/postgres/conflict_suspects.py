"""Places whose case, if any, does not say what is missing there: read without locks, for holding
them still every second would stop their sales. What is found is judged again under locks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres import supply_rows
from tandem_inventory_availability.adapters.postgres.allocation_reads import book_of
from tandem_inventory_availability.domain.conflict_case import ConflictScope
from tandem_inventory_availability.domain.conflict_deficit import worst
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

PLACES_MAX = 200
"""Plans, supply lines and cases of one round, each; the next round goes on behind them."""
START = ("", "", "", "")

_PLANS = text("""
    SELECT tenant, sku, CASE WHEN level = 'GROUP' THEN '' ELSE scope END,
           CASE WHEN level = 'GROUP' THEN scope ELSE '' END, tenant, sku, scope, ''
    FROM allocation_plan AS p
    WHERE drawn <> '[]' AND (p.tenant, p.sku, p.scope) > (:a, :b, :c)
    ORDER BY p.tenant, p.sku, p.scope LIMIT :rows
""")
# Supply stops counting by the clock only when it is late; told changes drop claims themselves.
_LATE = text("""
    SELECT tenant, sku, location, '', tenant, id, '', '' FROM supply_line AS s
    WHERE state = 'OPEN' AND pegged > 0 AND eta <= :now AND (s.tenant, s.id) > (:a, :b)
    ORDER BY s.tenant, s.id LIMIT :rows
""")
_CASES = text("""
    SELECT tenant, sku, location, group_id, tenant, sku, location, group_id
    FROM conflict_case AS c
    WHERE open AND deficit > 0
      AND (c.tenant, c.sku, c.location, c.group_id) > (:a, :b, :c, :d)
    ORDER BY c.tenant, c.sku, c.location, c.group_id LIMIT :rows
""")
_DEFICITS = text("""
    SELECT tenant, sku, location, group_id, deficit FROM conflict_case
    WHERE open AND (tenant, sku) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[])))
""")
_QUERIES = (_PLANS, _LATE, _CASES)


@dataclass(frozen=True)
class Cursors:
    """How far each query got."""

    after: tuple[tuple[str, ...], ...] = (START,) * len(_QUERIES)


async def suspects(
    connection: AsyncConnection, now: datetime, cursors: Cursors
) -> tuple[list[ConflictScope], Cursors]:
    """Scopes to judge among the next of each kind, and where to go on."""
    scopes: set[ConflictScope] = set()
    after = []
    for query, start in zip(_QUERIES, cursors.after, strict=True):
        named = dict(zip("abcd", start, strict=True))
        rows = (await connection.execute(query, {**named, "rows": PLACES_MAX, "now": now})).all()
        scopes |= {ConflictScope(*row[:4]) for row in rows}
        after.append(tuple(rows[-1][4:8]) if len(rows) == PLACES_MAX else START)
    if not scopes:
        return [], Cursors(tuple(after))
    known = await _deficits(connection, scopes)
    found: list[ConflictScope] = []
    for tenant in sorted({scope.tenant for scope in scopes}):
        mine = sorted(scope for scope in scopes if scope.tenant == tenant)
        book = await _book(connection, tenant, mine, now)
        found += [x for x in mine if _missing(book, x) != known.get(x, 0)]
    return found, Cursors(tuple(after))


async def _deficits(
    connection: AsyncConnection, scopes: Collection[ConflictScope]
) -> dict[ConflictScope, int]:
    skus = sorted({(scope.tenant, scope.sku) for scope in scopes})
    columns = {"tenants": [sku[0] for sku in skus], "skus": [sku[1] for sku in skus]}
    return {ConflictScope(*row[:4]): row[4] for row in await connection.execute(_DEFICITS, columns)}


async def _book(
    connection: AsyncConnection, tenant: str, scopes: Sequence[ConflictScope], now: datetime
) -> StockBook:
    skus = sorted({scope.sku for scope in scopes})
    book = await book_of(connection, tenant, skus, now)
    for line in await supply_rows.open_lines(connection, tenant, skus):
        book.supply[tenant, line.id] = line.judged(book.policy(tenant), now)
    return book


def _missing(book: StockBook, scope: ConflictScope) -> int:
    place = scope.place
    if isinstance(place, StockKey) and place not in book.positions:
        return 0
    return worst(book, place).units
