"""Rows of items and locations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.policy_rows import next_version
from tandem_inventory_availability.domain.catalogue import Item, Location, LocationKind
from tandem_inventory_availability.domain.errors import SkuUnknown
from tandem_inventory_availability.domain.policy_errors import BundleNested

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
    SELECT sku, title, quantity_scale, COALESCE((
        SELECT jsonb_object_agg(component, ratio) FROM bundle_component AS b
        WHERE b.tenant = i.tenant AND b.bundle = i.sku), '{}')
    FROM item AS i
    WHERE tenant = :tenant AND sku COLLATE "C" > :after ORDER BY sku COLLATE "C" LIMIT :rows
""")
_DROP_COMPONENTS = text("""
    DELETE FROM bundle_component AS b
    WHERE b.tenant = :tenant AND b.bundle = ANY(:skus) AND NOT EXISTS (
        SELECT FROM unnest(CAST(:bundles AS text[]), CAST(:components AS text[]),
                           CAST(:ratios AS bigint[])) AS n (bundle, component, ratio)
        WHERE n.bundle = b.bundle AND n.component = b.component AND n.ratio = b.ratio)
""")
_PUT_COMPONENTS = text("""
    INSERT INTO bundle_component (tenant, bundle, component, ratio)
    SELECT :tenant, bundle, component, ratio
    FROM unnest(CAST(:bundles AS text[]), CAST(:components AS text[]), CAST(:ratios AS bigint[]))
         AS n (bundle, component, ratio) ORDER BY bundle, component ON CONFLICT DO NOTHING
""")
_UNKNOWN_COMPONENT = text("""
    SELECT b.bundle, b.component FROM bundle_component AS b
    WHERE b.tenant = :tenant AND b.bundle = ANY(:skus) AND NOT EXISTS (
        SELECT FROM item AS i WHERE i.tenant = b.tenant AND i.sku = b.component) LIMIT 1
""")
_NESTED = text("""
    SELECT b.bundle, b.component FROM bundle_component AS b
    JOIN bundle_component AS inner_b ON inner_b.tenant = b.tenant AND inner_b.bundle = b.component
    WHERE b.tenant = :tenant AND (b.bundle = ANY(:skus) OR b.component = ANY(:skus)) LIMIT 1
""")
_LOCATIONS = text("""
    SELECT id, kind, title, priority, ships FROM location
    WHERE tenant = :tenant AND id COLLATE "C" > :after ORDER BY id COLLATE "C" LIMIT :rows
""")


async def put_items(connection: AsyncConnection, tenant: str, items: Sequence[Item]) -> int:
    """Writes items; how many were new or changed. Raises SkuUnknown, BundleNested."""
    result = await connection.execute(
        _PUT_ITEMS,
        {
            "tenant": tenant,
            "skus": [item.sku for item in items],
            "titles": [item.title for item in items],
            "scales": [item.quantity_scale for item in items],
        },
    )
    changed = await _put_components(connection, tenant, items)
    return max(result.rowcount, changed)


async def _put_components(connection: AsyncConnection, tenant: str, items: Sequence[Item]) -> int:
    """Writes what bundles consist of; how many bundles changed."""
    parts = [(item.sku, sku, ratio) for item in items for sku, ratio in item.components.items()]
    arguments = {
        "tenant": tenant,
        "skus": [item.sku for item in items],
        "bundles": [part[0] for part in parts],
        "components": [part[1] for part in parts],
        "ratios": [part[2] for part in parts],
    }
    dropped = (await connection.execute(_DROP_COMPONENTS, arguments)).rowcount
    added = (await connection.execute(_PUT_COMPONENTS, arguments)).rowcount
    if not dropped and not added:
        return 0
    # Bundles are part of the policy; its row is locked, so no two puts nest bundles in each other.
    await next_version(connection, tenant)
    await _check_components(connection, arguments)
    return len({part[0] for part in parts}) or 1


async def _check_components(connection: AsyncConnection, arguments: dict[str, Any]) -> None:
    places = {sku: number for number, sku in enumerate(arguments["skus"])}
    unknown = (await connection.execute(_UNKNOWN_COMPONENT, arguments)).first()
    if unknown is not None:
        raise SkuUnknown(unknown[1], f"items[{places[unknown[0]]}].components")
    nested = (await connection.execute(_NESTED, arguments)).first()
    if nested is not None:
        raise BundleNested(bundle=nested[0], component=nested[1])


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
    if result.rowcount:
        await next_version(connection, tenant)
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
