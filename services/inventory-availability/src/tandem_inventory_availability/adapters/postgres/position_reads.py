"""Positions and claims on groups as they are now, read without locks.

What a hold claims ends by the clock, so each read subtracts the holds whose time is over. Only
those of the positions asked for are looked up: the sweeper may be hundreds of thousands behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.stock_rows import BUCKET_COLUMNS
from tandem_inventory_availability.domain.stock_position import StockKey, StockPosition

# Used by all reads of positions: the row, and what of its claims has expired by :now. A position
# that nothing holds costs no look-up.
LIVE_POSITION = """
    SELECT p.*, COALESCE(e.soft, 0)::bigint AS soft_expired,
           COALESCE(e.backordered, 0)::bigint AS backordered_expired,
           COALESCE(o.held, 0)::bigint AS leased_expired
    FROM stock_position AS p LEFT JOIN LATERAL (
        SELECT sum(l.quantity - l.released - l.shipped - COALESCE(l.pegged, 0)) AS soft,
               sum(COALESCE(l.backordered, 0)) AS backordered
        FROM reservation AS r CROSS JOIN LATERAL jsonb_to_recordset(r.lines)
             AS l (sku text, location text, quantity bigint, released bigint, shipped bigint,
                   pegged bigint, backordered bigint)
        WHERE p.soft > 0 AND r.tenant = p.tenant AND r.state = 'HELD' AND r.expires_at <= :now
          AND r.lines @> jsonb_build_array(
              jsonb_build_object('sku', p.sku, 'location', p.location))
          AND l.sku = p.sku AND l.location = p.location) AS e ON true
    LEFT JOIN LATERAL (
        SELECT sum(GREATEST(0, q.quantity - q.used)) AS held FROM quota_lease AS q
        WHERE p.leased > 0 AND q.tenant = p.tenant AND q.sku = p.sku AND q.location = p.location
          AND q.state = 'LIVE' AND q.ends_at <= :now) AS o ON true
"""
_BUCKETS = tuple(BUCKET_COLUMNS)
_FIGURES = (
    "hard",
    "soft",
    "soft_expired",
    "unsettled",
    "leased",
    "leased_expired",
    "backordered",
    "backordered_expired",
    "local_net",
    "position",
    "version",
    "gap",
    "source_at",
    "stale_at",
    "in_conflict",
)
_FIGURES_FROM = 3 + len(_BUCKETS)
COLUMNS = ", ".join(
    f"p.{name}" for name in ("tenant", "sku", "location", *BUCKET_COLUMNS.values(), *_FIGURES)
)
"""Columns in the order `to_live_position` takes them: reads are mostly this, and names cost."""

_OF_SKUS = text(f"""
    SELECT {COLUMNS} FROM ({LIVE_POSITION}) AS p
    WHERE p.tenant = :tenant AND p.sku = ANY(:skus) ORDER BY p.sku COLLATE "C", p.location
""")
_AT = text(f"""
    SELECT {COLUMNS} FROM ({LIVE_POSITION}) AS p
    WHERE p.tenant = :tenant AND p.sku = ANY(:skus) AND p.location = ANY(:locations)
    ORDER BY p.sku COLLATE "C", p.location
""")
_GROUP_CLAIMS = text("""
    SELECT g.sku, g.group_id, (g.hard + g.soft - COALESCE(e.soft, 0))::bigint
    FROM group_claim AS g LEFT JOIN LATERAL (
        SELECT sum(l.quantity - l.released - l.shipped - COALESCE(l.pegged, 0)) AS soft
        FROM reservation AS r CROSS JOIN LATERAL jsonb_to_recordset(r.lines)
             AS l (sku text, "group" text, quantity bigint, released bigint, shipped bigint,
                   pegged bigint)
        WHERE g.soft > 0 AND r.tenant = g.tenant AND r.state = 'HELD' AND r.expires_at <= :now
          AND r.lines @> jsonb_build_array(jsonb_build_object('sku', g.sku, 'group', g.group_id))
          AND l.sku = g.sku AND l."group" = g.group_id) AS e ON true
    WHERE g.tenant = :tenant AND g.sku = ANY(:skus) AND g.hard + g.soft > 0
""")


def to_live_position(row: Iterable[Any]) -> StockPosition:
    """The position of a row of COLUMNS."""
    values = tuple(row)
    return StockPosition(
        StockKey(values[0], values[1], values[2]),
        dict(zip(_BUCKETS, values[3:_FIGURES_FROM], strict=True)),
        **dict(zip(_FIGURES, values[_FIGURES_FROM:], strict=True)),
    )


async def positions(
    connection: AsyncConnection,
    tenant: str,
    skus: Collection[str],
    locations: Collection[str] | None,
    now: datetime,
) -> list[StockPosition]:
    """Positions of SKUs, at all locations or at those named."""
    arguments: dict[str, object] = {"tenant": tenant, "skus": list(skus), "now": now}
    if locations is None:
        found = await connection.execute(_OF_SKUS, arguments)
    else:
        found = await connection.execute(_AT, {**arguments, "locations": list(locations)})
    return [to_live_position(row) for row in found]


async def group_claims(
    connection: AsyncConnection, tenant: str, skus: Collection[str], now: datetime
) -> dict[tuple[str, str], int]:
    """Unpinned units by SKU and group."""
    arguments = {"tenant": tenant, "skus": list(skus), "now": now}
    found = await connection.execute(_GROUP_CLAIMS, arguments)
    return {(row[0], row[1]): row[2] for row in found}
