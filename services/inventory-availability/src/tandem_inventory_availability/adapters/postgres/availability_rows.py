"""What can be promised, read without locks; holds whose time is over do not count."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.errors import Alternative, InsufficientStock

ALTERNATIVES_MAX = 20

# Used by all reads of positions: the row, and what of its holds has expired by :now.
LIVE_POSITION = """
    SELECT p.*, COALESCE(e.quantity, 0)::bigint AS soft_expired
    FROM stock_position AS p LEFT JOIN (
        SELECT r.tenant, l.sku, l.location, sum(l.quantity - l.released - l.shipped) AS quantity
        FROM reservation AS r, jsonb_to_recordset(r.lines)
             AS l (sku text, location text, quantity bigint, released bigint, shipped bigint)
        WHERE r.state = 'HELD' AND r.expires_at <= :now GROUP BY 1, 2, 3) AS e
      ON e.tenant = p.tenant AND e.sku = p.sku AND e.location = p.location
"""
FREE = "(p.on_hand - p.hard - (p.soft - p.soft_expired) - p.unsettled)"
_ALTERNATIVES = text(f"""
    SELECT p.tenant, p.sku, p.location, {FREE}::bigint
    FROM ({LIVE_POSITION}) AS p
    JOIN location AS l ON l.tenant = p.tenant AND l.id = p.location AND l.ships
    WHERE (p.tenant, p.sku) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]))) AND {FREE} > 0
    ORDER BY l.priority, p.location
""")
_AVAILABLE = text(f"""
    SELECT p.sku, p.location, {FREE}::bigint AS free, p.position, p.gap, p.source_at, l.priority
    FROM ({LIVE_POSITION}) AS p
    JOIN location AS l ON l.tenant = p.tenant AND l.id = p.location
    WHERE p.tenant = :tenant AND p.sku = ANY(:skus)
      AND (p.location = ANY(:locations) OR (:everywhere AND l.ships))
    ORDER BY p.sku COLLATE "C", l.priority, p.location COLLATE "C"
""")
_SKUS = text("SELECT sku FROM item WHERE tenant = :tenant AND sku = ANY(:skus)")
_LOCATIONS = text("SELECT id FROM location WHERE tenant = :tenant AND id = ANY(:locations)")


@dataclass(frozen=True)
class AvailableRow:
    """One answer; ``free`` may be negative."""

    sku: str
    location: str
    free: int
    position: int
    gap: bool
    source_at: datetime | None
    priority: int


async def available(
    connection: AsyncConnection,
    tenant: str,
    skus: Sequence[str],
    locations: Sequence[str],
    now: datetime,
) -> list[AvailableRow]:
    """By SKU and priority; without locations, those that ship."""
    arguments: dict[str, Any] = {
        "tenant": tenant,
        "skus": list(skus),
        "locations": list(locations),
        "everywhere": not locations,
        "now": now,
    }
    return [AvailableRow(*row) for row in await connection.execute(_AVAILABLE, arguments)]


async def unknown_names(
    connection: AsyncConnection, tenant: str, skus: Sequence[str], locations: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Places of SKUs and of locations that are not in the catalogue."""
    found = await connection.execute(_SKUS, {"tenant": tenant, "skus": list(skus)})
    known = {row[0] for row in found}
    places: set[str] = set()
    if locations:
        arguments = {"tenant": tenant, "locations": list(locations)}
        places = {row[0] for row in await connection.execute(_LOCATIONS, arguments)}
    return (
        [number for number, sku in enumerate(skus) if sku not in known],
        [number for number, location in enumerate(locations) if location not in places],
    )


async def alternatives(
    connection: AsyncConnection, wanted: Collection[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], list[Alternative]]:
    """Where there is stock of SKUs, by tenant and SKU, best first."""
    keys = sorted(wanted)
    arguments = {"tenants": [k[0] for k in keys], "skus": [k[1] for k in keys], "now": now}
    found: dict[tuple[str, str], list[Alternative]] = {}
    for tenant, sku, location, free in await connection.execute(_ALTERNATIVES, arguments):
        found.setdefault((tenant, sku), []).append(Alternative(sku, location, free))
    return found


def best_of(
    found: Mapping[tuple[str, str], Sequence[Alternative]], error: InsufficientStock
) -> list[Alternative]:
    """The alternatives of one shortage, at most ALTERNATIVES_MAX."""
    asked = {(short.sku, short.location) for short in error.shorts}
    offers = [
        offer
        for sku in dict.fromkeys(short.sku for short in error.shorts)
        for offer in found.get((error.tenant, sku), ())
        if (sku, offer.location) not in asked
    ]
    return offers[:ALTERNATIVES_MAX]
