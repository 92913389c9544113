"""Reads of supply lines without locks, judged by the clock."""

from __future__ import annotations

from sqlalchemy import text
from tandem_core.clock import Clock
from tandem_platform.database import Database

from tandem_inventory_availability.adapters.postgres.policy_rows import load_policies
from tandem_inventory_availability.adapters.postgres.supply_rows import COLUMNS, to_supply_line
from tandem_inventory_availability.domain.supply_line import REDATED_BY, SupplyLine

_PAGE = text(f"""
    SELECT {COLUMNS} FROM supply_line
    WHERE tenant = :tenant AND (:sku = '' OR sku = :sku)
      AND (:location = '' OR location = :location) AND (:state = '' OR state = :state)
      AND id COLLATE "C" > :after ORDER BY id COLLATE "C" LIMIT :rows
""")
_LATE = text("""
    SELECT tenant, id FROM supply_line
    WHERE state = 'OPEN' AND open > 0 AND eta <= :now
      AND (overdue_at IS NULL OR overdue_at <= :before)
    ORDER BY eta LIMIT :rows
""")


class SupplyReads:
    """Reads of one service database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(
        self, tenant: str, filters: tuple[str, str, str], after: str, rows: int
    ) -> list[SupplyLine]:
        """Lines by id; filters of SKU, location and state may be empty."""
        sku, location, state = filters
        arguments = {
            "tenant": tenant,
            "sku": sku,
            "location": location,
            "state": state,
            "after": after,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            policies = await load_policies(connection, [tenant])
            found = (await connection.execute(_PAGE, arguments)).all()
        now = self._clock.now()
        return [to_supply_line(row).judged(policies[tenant], now) for row in found]

    async def late(self, rows: int) -> dict[str, list[str]]:
        """Ids by tenant of lines past their time that were not told of for a day."""
        now = self._clock.now()
        arguments = {"now": now, "before": now - REDATED_BY, "rows": rows}
        found: dict[str, list[str]] = {}
        async with self._database.transaction() as connection:
            for tenant, line_id in await connection.execute(_LATE, arguments):
                found.setdefault(tenant, []).append(line_id)
        return found
