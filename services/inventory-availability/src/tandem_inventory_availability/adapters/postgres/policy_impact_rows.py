"""Reads the positions and group claims a change of the configuration may touch, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres import position_reads
from tandem_inventory_availability.adapters.postgres.position_reads import (
    COLUMNS,
    LIVE_POSITION,
    to_live_position,
)
from tandem_inventory_availability.domain.policy_impact import (
    LISTED_MAX,
    Change,
    PolicyImpact,
)
from tandem_inventory_availability.domain.stock_position import StockPosition

PAGE_ROWS = 5_000
EXAMINED_ROWS_MAX = 200_000
CLAIMED_SKUS_MAX = 5_000
SKUS_PER_PAGE = 200

_TOUCHED = text(f"""
    SELECT {COLUMNS} FROM ({LIVE_POSITION}) AS p
    WHERE p.tenant = :tenant AND (p.sku, p.location) > (:after_sku, :after_location)
      AND (:any_sku OR p.sku = ANY(:skus))
      AND (:any_location OR p.location = ANY(:locations)) AND EXISTS (
        SELECT FROM unnest(CAST(:skus AS text[]), CAST(:locations AS text[])) AS w (sku, location)
        WHERE w.sku IN ('', p.sku) AND w.location IN ('', p.location))
    ORDER BY p.sku, p.location LIMIT :rows
""")
_CLAIMED_SKUS = text("""
    SELECT DISTINCT sku FROM group_claim WHERE tenant = :tenant AND hard + soft > 0
    ORDER BY sku LIMIT :rows
""")


async def impact(
    connection: AsyncConnection, tenant: str, change: Change, names: Collection[tuple[str, str]]
) -> PolicyImpact:
    """What a change does to positions of those names and to groups with unpinned claims."""
    found = PolicyImpact()
    if names:
        async for page in _pages(connection, tenant, change, names):
            if found.examined >= EXAMINED_ROWS_MAX:
                found.truncated = True
                break
            found.add(change.of_position(position) for position in page)
    await _add_groups(connection, tenant, change, found)
    return found


async def _pages(
    connection: AsyncConnection, tenant: str, change: Change, names: Collection[tuple[str, str]]
) -> AsyncIterator[list[StockPosition]]:
    after = ("", "")
    arguments: dict[str, object] = {
        "tenant": tenant,
        "skus": [name[0] for name in names],
        "locations": [name[1] for name in names],
        "any_sku": any(not name[0] for name in names),
        "any_location": any(not name[1] for name in names),
        "now": change.before.now,
        "rows": PAGE_ROWS,
    }
    while True:
        arguments |= {"after_sku": after[0], "after_location": after[1]}
        page = [to_live_position(row) for row in await connection.execute(_TOUCHED, arguments)]
        if not page:
            return
        yield page
        after = (page[-1].key.sku, page[-1].key.location)


async def _add_groups(
    connection: AsyncConnection, tenant: str, change: Change, found: PolicyImpact
) -> None:
    arguments = {"tenant": tenant, "rows": CLAIMED_SKUS_MAX + 1}
    skus = [row[0] for row in await connection.execute(_CLAIMED_SKUS, arguments)]
    found.truncated |= len(skus) > CLAIMED_SKUS_MAX
    now = change.before.now
    for start in range(0, min(len(skus), CLAIMED_SKUS_MAX), SKUS_PER_PAGE):
        page = skus[start : start + SKUS_PER_PAGE]
        claims = await position_reads.group_claims(connection, tenant, page, now)
        positions = await position_reads.positions(connection, tenant, page, None, now)
        found.groups += change.falling(positions, claims)
    found.groups.sort(key=lambda c: (c.after - c.before, c.sku, c.place))
    del found.groups[LISTED_MAX:]
