"""Rows of repairs, and the figures they are about."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres import integrity_rows
from tandem_inventory_availability.domain.repairing import Difference, Repair

_ADD = text("""
    INSERT INTO stock_repair (tenant, id, sku, location, reason, asked_by, asked_at)
    VALUES (:tenant, :id, :sku, :location, :reason, :asked_by, :asked_at)
""")
_LOCK = text("""
    SELECT id::text, tenant, sku, location, reason, asked_by, asked_at, approved_by
    FROM stock_repair WHERE tenant = :tenant AND id = CAST(:id AS uuid) FOR UPDATE
""")
_APPROVE = text("""
    UPDATE stock_repair SET approved_by = :actor, approved_at = :now
    WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")
_LOCATIONS = text("""
    SELECT location FROM stock_position
    WHERE tenant = :tenant AND sku = :sku AND (:location = '' OR location = :location)
""")


async def add(connection: AsyncConnection, repair: Repair) -> None:
    """Keeps a repair that waits for approval."""
    row = dict(vars(repair))
    del row["approved_by"]
    await connection.execute(_ADD, row)


async def lock(connection: AsyncConnection, tenant: str, repair_id: str) -> Repair | None:
    """A repair; nobody else approves it meanwhile."""
    row = (await connection.execute(_LOCK, {"tenant": tenant, "id": repair_id})).first()
    return Repair(*tuple(row)) if row else None


async def approve(connection: AsyncConnection, repair: Repair, actor: str, now: object) -> None:
    """Writes down who approved it."""
    names = {"tenant": repair.tenant, "id": repair.id}
    await connection.execute(_APPROVE, {**names, "actor": actor, "now": now})


async def differences(
    connection: AsyncConnection, tenant: str, sku: str, location: str
) -> list[Difference]:
    """Figures of a SKU, or of one position, that are not the sum of their parts."""
    rows = await integrity_rows.differences(connection, tenant, sku, location)
    return [Difference(*tuple(row)) for row in rows]


async def locations(connection: AsyncConnection, tenant: str, sku: str, location: str) -> list[str]:
    """Locations with a position a repair is about."""
    arguments = {"tenant": tenant, "sku": sku, "location": location}
    return [row[0] for row in await connection.execute(_LOCATIONS, arguments)]
