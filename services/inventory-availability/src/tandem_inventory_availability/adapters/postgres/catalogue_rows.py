"""Rows of items and locations."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.catalogue import Item, Location, LocationKind

_PUT_ITEMS = text("""
    INSERT INTO item AS i (tenant, sku, title, quantity_scale)
    SELECT :tenant, sku, title, scale
    FROM unnest(CAST(:skus AS text[]), CAST(:titles AS text[]), CAST(:scales AS smallint[]))
         AS n (sku, title, scale) ORDER BY sku
    ON CONFLICT (tenant, sku) DO UPDATE
        SET title = excluded.title, quantity_scale = excluded.quantity_scale
        WHERE (i.title, i.quantity_scale) IS DISTINCT FROM (excluded.title, excluded.quantity_scale)
""")
_PUT_LOCATIONS = text("""
    INSERT INTO location AS l (tenant, id, kind, title, priority, ships)
    SELECT :tenant, id, kind, title, priority, ships
    FROM unnest(CAST(:ids AS text[]), CAST(:kinds AS text[]), CAST(:titles AS text[]),
                CAST(:priorities AS integer[]), CAST(:ships AS boolean[]))
         AS n (id, kind, title, priority, ships) ORDER BY id
    ON CONFLICT (tenant, id) DO UPDATE SET kind = excluded.kind, title = excluded.title,
        priority = excluded.priority, ships = excluded.ships
        WHERE (l.kind, l.title, l.priority, l.ships)
              IS DISTINCT FROM (excluded.kind, excluded.title, excluded.priority, excluded.ships)
""")
_ITEMS = text("""
    SELECT sku, title, quantity_scale FROM item
    WHERE tenant = :tenant AND sku COLLATE "C" > :after ORDER BY sku COLLATE "C" LIMIT :rows
""")
_LOCATIONS = text("""
    SELECT id, kind, title, priority, ships FROM location
    WHERE tenant = :tenant AND id COLLATE "C" > :after ORDER BY id COLLATE "C" LIMIT :rows
""")


async def put_items(connection: AsyncConnection, tenant: str, items: Sequence[Item]) -> int:
    """Writes items; how many were new or changed."""
    result = await connection.execute(
        _PUT_ITEMS,
        {
            "tenant": tenant,
            "skus": [item.sku for item in items],
            "titles": [item.title for item in items],
            "scales": [item.quantity_scale for item in items],
        },
    )
    return result.rowcount


async def put_locations(
    connection: AsyncConnection, tenant: str, locations: Sequence[Location]
) -> int:
    """Writes locations; how many were new or changed."""
    result = await connection.execute(
        _PUT_LOCATIONS,
        {
            "tenant": tenant,
            "ids": [location.id for location in locations],
            "kinds": [location.kind.value for location in locations],
            "titles": [location.title for location in locations],
            "priorities": [location.priority for location in locations],
            "ships": [location.ships for location in locations],
        },
    )
    return result.rowcount


async def items(connection: AsyncConnection, tenant: str, after: str, rows: int) -> list[Item]:
    """Items by SKU, after one."""
    found = await connection.execute(_ITEMS, {"tenant": tenant, "after": after, "rows": rows})
    return [Item(*row) for row in found]


async def locations(
    connection: AsyncConnection, tenant: str, after: str, rows: int
) -> list[Location]:
    """Locations by id, after one."""
    found = await connection.execute(_LOCATIONS, {"tenant": tenant, "after": after, "rows": rows})
    return [Location(row[0], LocationKind(row[1]), row[2], row[3], row[4]) for row in found]
