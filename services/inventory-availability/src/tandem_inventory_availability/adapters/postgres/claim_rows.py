"""What stands behind a figure: reservations that claim a position, and its newest entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.stock_rows import key_columns
from tandem_inventory_availability.domain.stock_position import StockKey, StockPosition

CLAIMS_MAX = 50
KEYS = "unnest(CAST(:skus AS text[]), CAST(:locations AS text[]))"

_CLAIMS = text(f"""
    SELECT r.id::text, r.state,
        sum(l.quantity - l.released - l.shipped - COALESCE(l.pegged, 0))::bigint AS units,
        sum(l.shipped - l.settled)::bigint AS unsettled
    FROM {KEYS} AS k (sku, location)
    JOIN reservation AS r ON r.tenant = :tenant AND r.state IN ('HELD', 'CONFIRMED')
        AND r.lines @> jsonb_build_array(jsonb_build_object('sku', k.sku, 'location', k.location))
    CROSS JOIN LATERAL jsonb_to_recordset(r.lines)
        AS l (sku text, location text, quantity bigint, released bigint, shipped bigint,
              settled bigint, pegged bigint)
    WHERE l.sku = k.sku AND l.location = k.location
    GROUP BY r.id, r.state
    HAVING sum(l.quantity - l.released - l.settled - COALESCE(l.pegged, 0)) > 0
    ORDER BY 3 DESC, 1 LIMIT :rows
""")
_ENTRIES = text("""
    SELECT e.* FROM unnest(CAST(:skus AS text[]), CAST(:locations AS text[]),
                           CAST(:positions AS bigint[])) AS k (sku, location, position)
    CROSS JOIN LATERAL (
        SELECT * FROM ledger_entry AS l
        WHERE l.tenant = :tenant AND l.sku = k.sku AND l.location = k.location
          AND l.position <= k.position ORDER BY l.position DESC LIMIT :rows) AS e
    ORDER BY e.recorded_at DESC, e.position DESC LIMIT :rows
""")


@dataclass(frozen=True)
class Claim:
    """Units of positions a reservation claims."""

    reservation_id: str
    state: str
    quantity: int
    unsettled: int


async def claims(connection: AsyncConnection, tenant: str, keys: Sequence[StockKey]) -> list[Claim]:
    """Live reservations behind positions, most units first, at most CLAIMS_MAX."""
    if not keys:
        return []
    arguments = {**key_columns(keys), "tenant": tenant, "rows": CLAIMS_MAX}
    del arguments["tenants"]
    return [Claim(*row) for row in await connection.execute(_CLAIMS, arguments)]


async def newest_entries(
    connection: AsyncConnection, positions: Sequence[StockPosition], rows: int
) -> Sequence[RowMapping]:
    """The newest ledger entries of positions as they were read."""
    if not positions:
        return []
    arguments = {
        "tenant": positions[0].key.tenant,
        "skus": [position.key.sku for position in positions],
        "locations": [position.key.location for position in positions],
        "positions": [position.position for position in positions],
        "rows": rows,
    }
    return (await connection.execute(_ENTRIES, arguments)).mappings().all()
