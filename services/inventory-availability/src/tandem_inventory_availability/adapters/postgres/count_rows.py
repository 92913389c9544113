"""Rows of counts somebody asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import signal_row_writes
from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.application.request_count import CountRequest
from tandem_inventory_availability.domain.errors import LocationUnknown, SkuUnknown
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey

_COLUMNS = "id::text, tenant, sku, location, state, reason, created_at, counted_at"
_OPEN = text(f"""
    SELECT {_COLUMNS} FROM count_request WHERE tenant = :tenant AND sku = :sku
      AND location = :location AND state = :state AND counted_at IS NULL
""")
_KNOWN = text("""
    SELECT EXISTS (SELECT 1 FROM item WHERE tenant = :tenant AND sku = :sku),
           EXISTS (SELECT 1 FROM location WHERE tenant = :tenant AND id = :location)
""")
_COUNTED = text("""
    UPDATE count_request SET counted_at = :now WHERE tenant = :tenant AND sku = :sku
      AND location = :location AND state = :state AND counted_at IS NULL
""")
_MOVED = text("""
    SELECT COALESCE(sum(CASE WHEN to_bucket = :state THEN quantity ELSE 0 END)
                  - sum(CASE WHEN from_bucket = :state THEN quantity ELSE 0 END), 0)::bigint
    FROM ledger_entry WHERE tenant = :tenant AND sku = :sku AND location = :location
      AND effective_at > :at
""")
_LIST = text(f"""
    SELECT {_COLUMNS} FROM count_request
    WHERE tenant = :tenant AND (:location = '' OR location = :location)
      AND (:counted OR counted_at IS NULL)
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (created_at, id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY created_at, id LIMIT :rows
""")


class PostgresCountStore:
    """Count requests in one open transaction."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    async def check_known(self, key: StockKey) -> None:
        """Raises SkuUnknown, LocationUnknown."""
        sku, location = (await self._unit.connection.execute(_KNOWN, vars(key))).one()
        if not sku:
            raise SkuUnknown(key.sku, "sku")
        if not location:
            raise LocationUnknown(key.location, "location")

    async def ask(self, key: StockKey, state: Bucket, reason: str, now: datetime) -> CountRequest:
        """The open request of the position: a new one, or the one that was open."""
        connection = self._unit.connection
        for asked in await signal_row_writes.ask_for_counts(
            connection, [(key, state, reason)], now
        ):
            PostgresSignalTransaction(self._unit).tell_count(asked, now)
        row = (await connection.execute(_OPEN, {**vars(key), "state": state.value})).one()
        return _to_request(row)

    async def moved_since(self, key: StockKey, state: Bucket, at: datetime) -> int:
        """Units that came less those that left after a moment; the position is locked."""
        named = {**vars(key), "state": state.value, "at": at}
        return int((await self._unit.connection.execute(_MOVED, named)).scalar_one())

    async def counted(self, key: StockKey, state: Bucket, now: datetime) -> None:
        """Closes the open request of the position."""
        named = {**vars(key), "state": state.value, "now": now}
        await self._unit.connection.execute(_COUNTED, named)


async def count_requests(
    connection: AsyncConnection,
    tenant: str,
    wanted: tuple[str, bool],
    after: tuple[str, str] | None,
    rows: int,
) -> list[CountRequest]:
    """Requests at a location (or all), counted ones included or not, oldest first."""
    arguments = {
        "tenant": tenant,
        "location": wanted[0],
        "counted": wanted[1],
        "after_at": after[0] if after else None,
        "after_id": after[1] if after else None,
        "rows": rows,
    }
    return [_to_request(row) for row in await connection.execute(_LIST, arguments)]


def _to_request(row: Sequence[Any]) -> CountRequest:
    request_id, tenant, sku, location, state, reason, created_at, counted_at = row
    key = StockKey(str(tenant), str(sku), str(location))
    return CountRequest(
        str(request_id), key, Bucket(str(state)), str(reason), created_at, counted_at
    )
