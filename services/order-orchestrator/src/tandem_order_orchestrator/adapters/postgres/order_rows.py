"""Reads and writes rows of ``customer_order``, many at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_order_orchestrator.adapters.postgres.order_documents import from_document, to_document
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order import Order

_KEYS = """
    (tenant, id) IN (SELECT tenant, id FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]))
                                            AS k (tenant, id))
"""
_READ = text(f"SELECT tenant, id::text, document::text FROM customer_order WHERE {_KEYS}")
_LOCK = text(
    f"SELECT tenant, id::text, document::text FROM customer_order WHERE {_KEYS}"
    " ORDER BY tenant, id FOR UPDATE"
)
_SAVE = text("""
    INSERT INTO customer_order (tenant, id, external_system, external_type, external_id,
        display_name, channel, kind, state, version, currency_code, total_minor, placed_at,
        accepted_at, updated_at, document)
    SELECT tenant, id, external_system, external_type, external_id, display_name, channel, kind,
           state, version, currency_code, total_minor, placed_at, accepted_at, updated_at,
           CAST(document AS jsonb)
    FROM unnest(CAST(:tenant AS text[]), CAST(:id AS uuid[]), CAST(:external_system AS text[]),
                CAST(:external_type AS text[]), CAST(:external_id AS text[]),
                CAST(:display_name AS text[]), CAST(:channel AS text[]), CAST(:kind AS text[]),
                CAST(:state AS text[]), CAST(:version AS bigint[]),
                CAST(:currency_code AS text[]), CAST(:total_minor AS bigint[]),
                CAST(:placed_at AS timestamptz[]), CAST(:accepted_at AS timestamptz[]),
                CAST(:updated_at AS timestamptz[]), CAST(:document AS text[]))
         AS o (tenant, id, external_system, external_type, external_id, display_name, channel,
               kind, state, version, currency_code, total_minor, placed_at, accepted_at,
               updated_at, document)
    ON CONFLICT (tenant, id) DO UPDATE SET
        state = excluded.state, version = excluded.version, updated_at = excluded.updated_at,
        document = excluded.document
    WHERE customer_order.version < excluded.version
""")


# An order that does not exist yet has no row to lock: two who both find none would both make it.
_LOCK_NAMES = text("""
    SELECT pg_advisory_xact_lock(hash) FROM (
        SELECT DISTINCT hashtextextended('order' || chr(31) || tenant || chr(31) || id, 0) AS hash
        FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS text[])) AS k (tenant, id)
        ORDER BY 1) AS keys
""")


class OrderWriteLost(RuntimeError):
    """A row was newer than the order written: its lock was not held, a fault of ours."""


async def lock_names(connection: AsyncConnection, keys: Sequence[OrderKey]) -> None:
    """Waits for, then keeps out, everybody else who writes these orders, existing or not."""
    if keys:
        arguments = {"tenants": [k.tenant for k in keys], "ids": [k.order_id for k in keys]}
        await connection.execute(_LOCK_NAMES, arguments)


async def read_orders(
    connection: AsyncConnection, keys: Sequence[OrderKey], *, lock: bool
) -> dict[OrderKey, Order]:
    """The orders that exist; with ``lock`` their rows are locked in order of their keys."""
    if not keys:
        return {}
    arguments = {"tenants": [k.tenant for k in keys], "ids": [k.order_id for k in keys]}
    rows = await connection.execute(_LOCK if lock else _READ, arguments)
    return {OrderKey(row[0], row[1]): from_document(row[2]) for row in rows}


async def write_orders(connection: AsyncConnection, orders: Sequence[Order]) -> None:
    """Inserts or updates. Raises OrderWriteLost when a row is already as new or newer."""
    written = await connection.execute(_SAVE, _columns(orders))
    if written.rowcount != len(orders):
        raise OrderWriteLost(f"{len(orders) - written.rowcount} of {len(orders)} orders were newer")


def _columns(orders: Sequence[Order]) -> dict[str, object]:
    drafts = [order.draft for order in orders]
    return {
        "tenant": [order.tenant for order in orders],
        "id": [order.id for order in orders],
        "external_system": [draft.external_ref.system for draft in drafts],
        "external_type": [draft.external_ref.type for draft in drafts],
        "external_id": [draft.external_ref.id for draft in drafts],
        "display_name": [draft.display_name for draft in drafts],
        "channel": [draft.channel for draft in drafts],
        "kind": [order.kind.value for order in orders],
        "state": [order.state.value for order in orders],
        "version": [order.version for order in orders],
        "currency_code": [draft.currency_code for draft in drafts],
        "total_minor": [order.total for order in orders],
        "placed_at": [draft.placed_at for draft in drafts],
        "accepted_at": [order.accepted_at for order in orders],
        "updated_at": [order.updated_at for order in orders],
        "document": [to_document(order) for order in orders],
    }
