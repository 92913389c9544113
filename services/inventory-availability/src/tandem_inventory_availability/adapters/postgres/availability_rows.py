"""What can be promised, read without locks; holds whose time is over do not count."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.position_reads import LIVE_POSITION
from tandem_inventory_availability.domain.errors import Alternative, InsufficientStock

ALTERNATIVES_MAX = 20

FREE = """(p.on_hand - p.hard - (p.soft - p.soft_expired) - p.unsettled
           - (p.leased - p.leased_expired))"""
_ALTERNATIVES = text(f"""
    SELECT p.tenant, p.sku, p.location, {FREE}::bigint
    FROM ({LIVE_POSITION}) AS p
    JOIN location AS l ON l.tenant = p.tenant AND l.id = p.location AND l.ships
    WHERE (p.tenant, p.sku) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]))) AND {FREE} > 0
    ORDER BY l.priority, p.location
""")
_SKUS = text("SELECT sku FROM item WHERE tenant = :tenant AND sku = ANY(:skus)")


async def unknown_skus(connection: AsyncConnection, tenant: str, skus: Sequence[str]) -> list[int]:
    """Places of SKUs that are not in the catalogue."""
    found = await connection.execute(_SKUS, {"tenant": tenant, "skus": list(skus)})
    known = {row[0] for row in found}
    return [number for number, sku in enumerate(skus) if sku not in known]


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
