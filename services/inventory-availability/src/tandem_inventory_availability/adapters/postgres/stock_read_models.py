"""Reads for lists and for the comparison of figures; no locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, RowMapping, text
from tandem_core.clock import Clock
from tandem_platform.database import Database

from tandem_inventory_availability.adapters.postgres import integrity_rows, reservation_rows
from tandem_inventory_availability.adapters.postgres.position_reads import (
    COLUMNS,
    LIVE_POSITION,
    to_live_position,
)
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.stock_position import StockPosition

Position = Sequence[str | int]

_POSITIONS = text(f"""
    SELECT {COLUMNS} FROM ({LIVE_POSITION}) AS p
    WHERE p.tenant = :tenant AND (:sku = '' OR p.sku = :sku)
      AND (:location = '' OR p.location = :location)
      AND (p.sku COLLATE "C", p.location COLLATE "C") > (:after_sku, :after_location)
    ORDER BY p.sku COLLATE "C", p.location COLLATE "C" LIMIT :rows
""")
_LEDGER = text("""
    SELECT * FROM ledger_entry WHERE tenant = :tenant AND sku = :sku AND location = :location
      AND position < :before ORDER BY position DESC LIMIT :rows
""")
_RESERVATIONS = text(f"""
    SELECT {reservation_rows.COLUMNS} FROM reservation
    WHERE tenant = :tenant AND (:owner = '' OR owner_id = :owner)
      AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
    ORDER BY id DESC LIMIT :rows
""")
_EXPIRED_IDS = text("""
    SELECT tenant, id::text FROM reservation
    WHERE state = 'HELD' AND expires_at <= :now ORDER BY expires_at LIMIT :rows
""")
# Promises below zero that stock stands behind now, by when they are needed, then by age.
_BACKED = text("""
    SELECT r.tenant, r.id::text FROM reservation AS r
    CROSS JOIN LATERAL jsonb_to_recordset(r.lines)
        AS l (sku text, location text, backordered bigint, need_by timestamptz)
    JOIN stock_position AS p
      ON p.tenant = r.tenant AND p.sku = l.sku AND p.location = l.location
     AND p.on_hand - p.hard - p.soft - p.unsettled - p.leased + p.backordered > 0
    WHERE r.state IN ('HELD', 'CONFIRMED') AND l.backordered > 0
      AND jsonb_path_exists(r.lines, '$[*] ? (@.backordered > 0)')
    GROUP BY r.tenant, r.id, r.created_at
    ORDER BY min(l.need_by) NULLS LAST, r.created_at, r.id LIMIT :rows
""")


class StockReadModels:
    """Reads of one service database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def positions(
        self, tenant: str, filters: tuple[str, str], after: Position | None, rows: int
    ) -> list[StockPosition]:
        """Positions by SKU and location; filters may be empty."""
        arguments = {
            "tenant": tenant,
            "sku": filters[0],
            "location": filters[1],
            "after_sku": after[0] if after else "",
            "after_location": after[1] if after else "",
            "rows": rows,
            "now": self._clock.now(),
        }
        async with self._database.transaction() as connection:
            found = (await connection.execute(_POSITIONS, arguments)).all()
        return [to_live_position(row) for row in found]

    async def ledger(
        self, key: tuple[str, str, str], before: int, rows: int
    ) -> Sequence[RowMapping]:
        """Ledger entries of tenant, SKU and location, newest first."""
        tenant, sku, location = key
        arguments = {
            "tenant": tenant,
            "sku": sku,
            "location": location,
            "before": before,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            return (await connection.execute(_LEDGER, arguments)).mappings().all()

    async def reservation(self, tenant: str, reservation_id: str) -> Reservation | None:
        """One reservation; a hold whose time is over shows as expired."""
        async with self._database.transaction() as connection:
            found = await reservation_rows.reservations(
                connection, [(tenant, reservation_id)], lock=False
            )
        return self._as_of_now(found[0]) if found else None

    async def reservations(
        self, tenant: str, owner_id: str, before: str | None, rows: int
    ) -> list[Reservation]:
        """Reservations, newest first."""
        arguments = {"tenant": tenant, "owner": owner_id, "before": before, "rows": rows}
        async with self._database.transaction() as connection:
            found = await connection.execute(_RESERVATIONS, arguments)
            return [self._as_of_now(reservation_rows.to_reservation(row)) for row in found]

    async def expired(self, rows: int) -> list[tuple[str, str]]:
        """Tenant and id of holds whose time is over and that are not tidied yet."""
        arguments = {"now": self._clock.now(), "rows": rows}
        async with self._database.transaction() as connection:
            return [(row[0], row[1]) for row in await connection.execute(_EXPIRED_IDS, arguments)]

    async def backed(self, rows: int) -> list[tuple[str, str]]:
        """Tenant and id of reservations below zero that can be filled now, in their order."""
        async with self._database.transaction() as connection:
            return [(row[0], row[1]) for row in await connection.execute(_BACKED, {"rows": rows})]

    async def differences(self, tenant: str) -> tuple[int, Sequence[Row[Any]]]:
        """How many positions there are, and every figure that is not the sum of its parts."""
        async with self._database.transaction() as connection:
            found = await integrity_rows.differences(connection, tenant)
            count = await integrity_rows.positions_count(connection, tenant)
        return count, found

    def _as_of_now(self, reservation: Reservation) -> Reservation:
        if reservation.expired(self._clock.now()) and reservation.state.value == "HELD":
            return reservation.expired_now()
        return reservation
