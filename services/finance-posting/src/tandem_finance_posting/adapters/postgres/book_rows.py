"""State of a posting book: cost pools, issued costs, open items. Locked and written set-based."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.domain.cost_pool import CostPool, IssuedCost
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.open_items import OpenItems
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.posting_rule import RuleSet

# Rows are inserted before they are locked: a lock on a row that does not exist locks nothing, and
# two postings of a new SKU would both start from an empty pool.
_POOLS_EXIST = text("""
    INSERT INTO cost_pool (tenant, legal_entity, sku, quantity, value_minor)
    SELECT t, e, s, 0, 0 FROM unnest(CAST(:tenants AS text[]), CAST(:entities AS text[]),
                                     CAST(:skus AS text[])) AS k (t, e, s)
    ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
""")
_POOLS = text("""
    SELECT tenant, legal_entity, sku, quantity, value_minor FROM cost_pool
    WHERE (tenant, legal_entity, sku) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:entities AS text[]),
                             CAST(:skus AS text[])))
    ORDER BY tenant, legal_entity, sku FOR UPDATE
""")
_SAVE_POOLS = text("""
    UPDATE cost_pool SET quantity = p.quantity, value_minor = p.value_minor
    FROM json_to_recordset(CAST(:rows AS json))
         AS p (tenant text, legal_entity text, sku text, quantity bigint, value_minor bigint)
    WHERE cost_pool.tenant = p.tenant AND cost_pool.legal_entity = p.legal_entity
      AND cost_pool.sku = p.sku
""")
_ORDERS_EXIST = text("""
    INSERT INTO order_open_items (tenant, order_id, receivable_minor, deposit_minor, applications)
    SELECT t, o, 0, 0, 0 FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS text[])) AS k (t, o)
    ORDER BY 1, 2 ON CONFLICT DO NOTHING
""")
_ORDERS = text("""
    SELECT tenant, order_id, receivable_minor, deposit_minor, applications FROM order_open_items
    WHERE (tenant, order_id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS text[])))
    ORDER BY tenant, order_id FOR UPDATE
""")
_SAVE_ORDERS = text("""
    UPDATE order_open_items SET receivable_minor = o.receivable, deposit_minor = o.deposit,
           applications = o.applications
    FROM json_to_recordset(CAST(:rows AS json))
         AS o (tenant text, order_id text, receivable bigint, deposit bigint, applications integer)
    WHERE order_open_items.tenant = o.tenant AND order_open_items.order_id = o.order_id
""")
_ISSUED = text("""
    SELECT tenant, order_id, line_ref, quantity, cost_minor, returned_quantity, returned_cost_minor
    FROM issued_cost WHERE (tenant, order_id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS text[])))
""")
_SAVE_ISSUED = text("""
    INSERT INTO issued_cost (tenant, order_id, line_ref, quantity, cost_minor, returned_quantity,
                             returned_cost_minor)
    SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS i (tenant text, order_id text, line_ref text, quantity bigint, cost_minor bigint,
              returned_quantity bigint, returned_cost_minor bigint)
    ON CONFLICT (tenant, order_id, line_ref) DO UPDATE SET
        quantity = excluded.quantity, cost_minor = excluded.cost_minor,
        returned_quantity = excluded.returned_quantity,
        returned_cost_minor = excluded.returned_cost_minor
""")
_HELD = text("""
    SELECT tenant, legal_entity, order_id, skus, event_type FROM finance_event
    WHERE state = 'HELD' AND (skus && CAST(:skus AS text[]) OR order_id = ANY(:orders))
""")
ISSUING_TYPES = ("shipment.confirmed", "pos.sale")


async def open_book(
    connection: AsyncConnection, events: Sequence[FinanceEvent], rules: RuleSet
) -> PostingBook:
    """The state the events touch. Orders are locked before pools, everywhere, so that two batches
    never wait for each other in a circle."""
    book = PostingBook(rules)
    await _load_orders(connection, events, book)
    await _load_pools(connection, events, book)
    await _load_holds(connection, events, book)
    return book


async def _load_orders(
    connection: AsyncConnection, events: Sequence[FinanceEvent], book: PostingBook
) -> None:
    keys = sorted({(event.tenant, event.order_id) for event in events if event.order_id})
    if not keys:
        return
    arguments = {"tenants": [k[0] for k in keys], "orders": [k[1] for k in keys]}
    await connection.execute(_ORDERS_EXIST, arguments)
    for row in await connection.execute(_ORDERS, arguments):
        book.open_items[row[0], row[1]] = OpenItems(*row[2:])
    for row in await connection.execute(_ISSUED, arguments):
        book.issued[row[0], row[1], row[2]] = IssuedCost(*row[3:])


async def _load_pools(
    connection: AsyncConnection, events: Sequence[FinanceEvent], book: PostingBook
) -> None:
    keys = sorted({(e.tenant, e.legal_entity, sku) for e in events for sku in e.skus})
    if not keys:
        return
    arguments = {
        "tenants": [k[0] for k in keys],
        "entities": [k[1] for k in keys],
        "skus": [k[2] for k in keys],
    }
    await connection.execute(_POOLS_EXIST, arguments)
    for row in await connection.execute(_POOLS, arguments):
        book.pools[row[0], row[1], row[2]] = CostPool(row[3], row[4])


async def _load_holds(
    connection: AsyncConnection, events: Sequence[FinanceEvent], book: PostingBook
) -> None:
    arguments = {
        "skus": sorted({sku for event in events for sku in event.skus}),
        "orders": sorted({event.order_id for event in events if event.order_id}),
    }
    for tenant, entity, order_id, skus, event_type in await connection.execute(_HELD, arguments):
        if event_type in ISSUING_TYPES:
            book.held_skus.update((tenant, entity, sku) for sku in skus)
        if order_id:
            book.held_orders.add((tenant, order_id))


async def save_book(connection: AsyncConnection, book: PostingBook) -> None:
    """Writes pools, issued costs and open items as the book has them."""
    pools = [
        {
            "tenant": tenant,
            "legal_entity": entity,
            "sku": sku,
            "quantity": pool.quantity,
            "value_minor": pool.value,
        }
        for (tenant, entity, sku), pool in book.pools.items()
    ]
    orders = [
        {
            "tenant": tenant,
            "order_id": order_id,
            "receivable": items.receivable,
            "deposit": items.deposit,
            "applications": items.applications,
        }
        for (tenant, order_id), items in book.open_items.items()
    ]
    issued = [
        {
            "tenant": tenant,
            "order_id": order_id,
            "line_ref": line_ref,
            "quantity": line.quantity,
            "cost_minor": line.cost,
            "returned_quantity": line.returned_quantity,
            "returned_cost_minor": line.returned_cost,
        }
        for (tenant, order_id, line_ref), line in book.issued.items()
    ]
    for statement, rows in ((_SAVE_POOLS, pools), (_SAVE_ORDERS, orders), (_SAVE_ISSUED, issued)):
        if rows:
            await connection.execute(statement, {"rows": json.dumps(rows)})
