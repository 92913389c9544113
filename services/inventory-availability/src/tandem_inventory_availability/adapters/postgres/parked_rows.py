"""Rows of parked signals and of publications."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.signal_documents import from_document
from tandem_inventory_availability.application.register_publications import Publication
from tandem_inventory_availability.application.signal_ports import Parked

_COLUMNS = """id::text, signal::text, reason, state, parked_at, resolution_reason, resolved_by"""
_LOCK = text(f"""
    SELECT {_COLUMNS} FROM parked_signal WHERE tenant = :tenant AND id = CAST(:id AS uuid)
    FOR UPDATE
""")
_DECIDE = text("""
    UPDATE parked_signal SET state = :state, resolution_reason = :reason, resolved_by = :actor
    WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")
_LIST = text(f"""
    SELECT {_COLUMNS} FROM parked_signal
    WHERE tenant = :tenant AND (:source = '' OR source = :source)
      AND (:resolved OR state = 'PARKED')
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (parked_at, id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY parked_at, id LIMIT :rows
""")
_KEEP = text("""
    INSERT INTO stock_publication (tenant, source, sku, location, token, quantity, published_at)
    SELECT tenant, source, sku, location, token, quantity, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, source text, sku text, location text, token text, quantity bigint)
    ON CONFLICT (tenant, source, sku, location) DO UPDATE SET token = excluded.token,
        quantity = excluded.quantity, published_at = excluded.published_at
""")


class PostgresParkedStore:
    """Parked signals in one open transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, tenant: str, parked_id: str) -> Parked | None:
        """A parked signal, about to be decided."""
        found = await self._connection.execute(_LOCK, {"tenant": tenant, "id": parked_id})
        row = found.first()
        return _to_parked(tenant, row) if row else None

    async def decide(self, tenant: str, parked: Parked) -> None:
        """Writes the decision."""
        await self._connection.execute(
            _DECIDE,
            {
                "tenant": tenant,
                "id": parked.id,
                "state": parked.state,
                "reason": parked.resolution_reason,
                "actor": parked.resolved_by,
            },
        )


class PostgresPublicationStore:
    """Publications in one open transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keep(self, publications: Sequence[Publication], now: datetime) -> None:
        """Writes the last publication of each source and position."""
        rows = [
            {
                **vars(item.key),
                "source": item.source.source,
                "token": item.token,
                "quantity": item.quantity,
            }
            for item in publications
        ]
        await self._connection.execute(_KEEP, {"rows": json.dumps(rows), "now": now})


async def parked_signals(
    connection: AsyncConnection,
    tenant: str,
    wanted: tuple[str, bool],
    after: tuple[str, str] | None,
    rows: int,
) -> list[Parked]:
    """Parked signals of a source (or all), decided ones included or not, oldest first."""
    arguments = {
        "tenant": tenant,
        "source": wanted[0],
        "resolved": wanted[1],
        "after_at": after[0] if after else None,
        "after_id": after[1] if after else None,
        "rows": rows,
    }
    return [_to_parked(tenant, row) for row in await connection.execute(_LIST, arguments)]


def _to_parked(tenant: str, row: Sequence[Any]) -> Parked:
    signal = from_document(tenant, json.loads(row[1]))
    return Parked(row[0], signal, *row[2:])
