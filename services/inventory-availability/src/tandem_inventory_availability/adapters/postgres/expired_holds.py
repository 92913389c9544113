"""What holds whose time is over still have written into the rows of a batch: it counts no more.

The sweeper only tidies; between the end of a hold and its tidying the figures are corrected here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.allocation_plan import Pot
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

_EXPIRED = text("""
    SELECT r.tenant, l.sku, COALESCE(l.location, ''), COALESCE(l."group", ''),
           sum(l.quantity - l.released - l.shipped - COALESCE(l.pegged, 0))::bigint,
           sum(COALESCE(l.backordered, 0))::bigint,
           COALESCE(jsonb_agg(l.pegs) FILTER (WHERE l.pegs IS NOT NULL), '[]')::text,
           COALESCE(jsonb_agg(jsonb_build_object('channel', r.channel, 'draws', l.draws))
                    FILTER (WHERE l.draws IS NOT NULL), '[]')::text
    FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[])) AS k (tenant, sku)
    JOIN reservation AS r ON r.tenant = k.tenant
     AND r.lines @> jsonb_build_array(jsonb_build_object('sku', k.sku))
    CROSS JOIN LATERAL jsonb_to_recordset(r.lines)
         AS l (sku text, location text, "group" text, quantity bigint, released bigint,
               shipped bigint, pegged bigint, backordered bigint, pegs jsonb, draws jsonb)
    WHERE r.state = 'HELD' AND r.expires_at <= :now AND l.sku = k.sku
    GROUP BY 1, 2, 3, 4
""")


async def load(connection: AsyncConnection, book: StockBook) -> None:
    """Takes the expired part of all claims into the book; most batches have no hold at all."""
    skus = {(key.tenant, key.sku) for key, p in book.positions.items() if p.soft}
    skus |= {(key.tenant, key.sku) for key, claim in book.group_claims.items() if claim.soft}
    skus |= {(s.key.tenant, s.key.sku) for s in book.supply.values() if s.pegged}
    if not skus:
        return
    ordered = sorted(skus)
    arguments = {
        "tenants": [sku[0] for sku in ordered],
        "skus": [sku[1] for sku in ordered],
        "now": book.now,
    }
    for tenant, sku, location, group, units, below, pegs, draws in await connection.execute(
        _EXPIRED, arguments
    ):
        place = GroupKey(tenant, sku, group) if group else StockKey(tenant, sku, location)
        _claims(book, place, units, below)
        _pegs(book, tenant, json.loads(pegs))
        _draws(book, place, json.loads(draws))


def _claims(book: StockBook, place: Place, units: int, below: int) -> None:
    if isinstance(place, GroupKey):
        if (claim := book.group_claims.get(place)) is not None:
            claim.soft_expired = units
    elif (position := book.positions.get(place)) is not None:
        position.soft_expired, position.backordered_expired = units, below


def _pegs(book: StockBook, tenant: str, lines: list[list[dict[str, Any]]]) -> None:
    for peg in (peg for line in lines for peg in line):
        if (supply := book.supply.get((tenant, peg["supply_line_id"]))) is not None:
            supply.pegged_expired += peg["quantity"]


def _draws(book: StockBook, place: Place, lines: list[dict[str, Any]]) -> None:
    plan = book.plan_of(place) if lines else None
    if plan is None:
        return
    expired = dict(plan.expired)
    for line in lines:
        for item in line["draws"]:
            pot = Pot(line["channel"], item["quota_id"])
            expired[pot] = expired.get(pot, 0) + item["quantity"]
    book.plans[plan.key] = replace(plan, expired=expired)
