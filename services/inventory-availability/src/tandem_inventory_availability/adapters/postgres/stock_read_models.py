"""Reads for lists and for the comparison of figures; no locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, RowMapping, text
from tandem_core.clock import Clock
from tandem_platform.database import Database

from tandem_inventory_availability.adapters.postgres import reservation_rows
from tandem_inventory_availability.adapters.postgres.position_reads import (
    LIVE_POSITION,
    to_live_position,
)
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.stock_position import StockPosition

Position = Sequence[str | int]
DIFFERENCES_MAX = 250

_POSITIONS = text(f"""
    SELECT p.* FROM ({LIVE_POSITION}) AS p
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
_COUNT = text("SELECT count(*) FROM stock_position WHERE tenant = :tenant")
# Every figure of a position beside what its parts add up to, in one statement: one snapshot.
_DIFFERENCES = text("""
    WITH ledger AS (
        SELECT sku, location, count(*) AS position, max(position) AS highest,
            sum((to_bucket = 'SELLABLE')::int * quantity
              - (from_bucket = 'SELLABLE')::int * quantity) AS on_hand,
            sum((to_bucket = 'QUALITY_HOLD')::int * quantity
              - (from_bucket = 'QUALITY_HOLD')::int * quantity) AS quality_hold,
            sum((to_bucket = 'DAMAGED')::int * quantity
              - (from_bucket = 'DAMAGED')::int * quantity) AS damaged,
            sum((to_bucket = 'RETURN_PENDING')::int * quantity
              - (from_bucket = 'RETURN_PENDING')::int * quantity) AS return_pending
        FROM ledger_entry WHERE tenant = :tenant GROUP BY sku, location
    ), claims AS (
        SELECT l.sku, l.location,
            sum(l.quantity - l.released - l.shipped) FILTER (WHERE r.state = 'CONFIRMED') AS hard,
            sum(l.quantity - l.released - l.shipped) FILTER (WHERE r.state = 'HELD') AS soft,
            sum(l.shipped - l.settled) AS unsettled
        FROM reservation AS r, jsonb_to_recordset(r.lines) AS l (sku text, location text,
             quantity bigint, released bigint, shipped bigint, settled bigint)
        WHERE r.tenant = :tenant GROUP BY l.sku, l.location
    ), feeds AS (
        SELECT sku, location, sum(snapshot_value + delta_sum) AS counted
        FROM stock_feed WHERE tenant = :tenant GROUP BY sku, location
    )
    SELECT p.sku, p.location, f.figure, f.projected::bigint,
           COALESCE(f.derived, 0)::bigint AS derived
    FROM stock_position AS p
    LEFT JOIN ledger AS l USING (sku, location)
    LEFT JOIN claims AS c USING (sku, location)
    LEFT JOIN feeds AS s USING (sku, location)
    CROSS JOIN LATERAL (VALUES
        ('on_hand', p.on_hand, l.on_hand), ('quality_hold', p.quality_hold, l.quality_hold),
        ('damaged', p.damaged, l.damaged), ('return_pending', p.return_pending, l.return_pending),
        ('position', p.position, l.position), ('highest_position', p.position, l.highest),
        ('hard_reserved', p.hard, c.hard), ('soft_reserved', p.soft, c.soft),
        ('unsettled', p.unsettled, c.unsettled),
        ('source_figure', p.on_hand - p.local_net, s.counted)) AS f (figure, projected, derived)
    WHERE p.tenant = :tenant AND f.projected <> COALESCE(f.derived, 0)
    ORDER BY 1, 2, 3 LIMIT :rows
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

    async def differences(self, tenant: str) -> tuple[int, Sequence[Row[Any]]]:
        """How many positions there are, and every figure that is not the sum of its parts."""
        arguments = {"tenant": tenant, "rows": DIFFERENCES_MAX}
        async with self._database.transaction() as connection:
            found = (await connection.execute(_DIFFERENCES, arguments)).all()
            count = (await connection.execute(_COUNT, {"tenant": tenant})).scalar_one()
        return int(count), found

    def _as_of_now(self, reservation: Reservation) -> Reservation:
        if reservation.expired(self._clock.now()) and reservation.state.value == "HELD":
            return reservation.expired_now()
        return reservation
