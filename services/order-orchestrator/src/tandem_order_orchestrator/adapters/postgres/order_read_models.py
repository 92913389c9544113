"""Reads for lists, look-ups and timelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_platform.database import Database

from tandem_order_orchestrator.adapters.postgres.order_documents import from_document
from tandem_order_orchestrator.adapters.postgres.order_rows import read_orders
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order import Order

TIMELINE_ENTRIES_MAX = 500


@dataclass(frozen=True)
class OrderFilter:
    """Which orders; empty fields do not filter."""

    tenant: str
    state: str = ""
    external_id: str = ""
    channel: str = ""


@dataclass(frozen=True)
class TimelineRow:
    """One event of an order."""

    version: int
    event_type: str
    occurred_at: datetime
    event_id: str
    headers: Mapping[str, str]
    payload: bytes


_LIST = text("""
    SELECT document::text FROM customer_order
    WHERE tenant = :tenant AND (:state = '' OR state = :state)
      AND (:external_id = '' OR external_id = :external_id)
      AND (:channel = '' OR channel = :channel)
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (accepted_at, id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY accepted_at DESC, id DESC LIMIT :rows
""")
_TIMELINE = text("""
    SELECT agg_version, type, occurred_at, event_id::text, headers, payload FROM event_journal
    WHERE tenant = :tenant AND agg_type = 'order' AND agg_id = :id
    ORDER BY agg_version LIMIT :rows
""")
_RESOLVE = text("""
    SELECT external_id, display_name, id::text FROM customer_order
    WHERE tenant = :tenant AND (external_id = ANY(:refs) OR display_name = ANY(:refs))
""")


class OrderReadModels:
    """Reads without locks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def order(self, key: OrderKey) -> Order | None:
        """One order, or None."""
        async with self._database.transaction() as connection:
            return (await read_orders(connection, [key], lock=False)).get(key)

    async def orders(
        self, wanted: OrderFilter, after: Sequence[str | int] | None, rows: int
    ) -> list[Order]:
        """A page of orders, newest first; ``after`` is (accepted_at, id) of the last one seen."""
        arguments: dict[str, Any] = {
            "tenant": wanted.tenant,
            "state": wanted.state,
            "external_id": wanted.external_id,
            "channel": wanted.channel,
            "after_at": after[0] if after else None,
            "after_id": after[1] if after else None,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            found = await connection.execute(_LIST, arguments)
            return [from_document(row[0]) for row in found]

    async def timeline(self, key: OrderKey) -> list[TimelineRow]:
        """The order's events by version."""
        arguments = {"tenant": key.tenant, "id": key.order_id, "rows": TIMELINE_ENTRIES_MAX}
        async with self._database.transaction() as connection:
            found = await connection.execute(_TIMELINE, arguments)
            return [TimelineRow(*row) for row in found]


async def order_ids(
    connection: AsyncConnection, tenant: str, refs: Sequence[str]
) -> dict[str, str]:
    """Ids of the orders known by these external ids or display names.

    A name of two orders resolves to neither: a shipment is never booked on a guess. Reads on the
    caller's connection: a second one per consumer would empty the pool.
    """
    found = list(await connection.execute(_RESOLVE, {"tenant": tenant, "refs": list(refs)}))
    ids: dict[str, set[str]] = {}
    for external_id, display_name, order_id in found:
        for name in {external_id, display_name} & set(refs):
            ids.setdefault(name, set()).add(order_id)
    return {name: next(iter(known)) for name, known in ids.items() if len(known) == 1}
