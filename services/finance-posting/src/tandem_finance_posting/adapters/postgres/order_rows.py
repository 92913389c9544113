"""Open items of orders: locked before anything else of the book, written set-based."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.domain.open_items import NO_DATE, OpenItems
from tandem_finance_posting.domain.overlay import Overlay
from tandem_finance_posting.domain.posting_state import OrderKey

# Rows are inserted before they are locked: a lock on a row that does not exist locks nothing.
_EXIST = text("""
    INSERT INTO order_open_items (tenant, order_id, receivable_minor, deposit_minor, applications)
    SELECT t, o, 0, 0, 0 FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS text[])) AS k (t, o)
    ORDER BY 1, 2 ON CONFLICT DO NOTHING
""")
_LOAD = text("""
    SELECT tenant, order_id, receivable_minor, deposit_minor, applied_minor, applications,
           currency_code, rate_date, rate_nano,
           paid_minor, refunded_minor
    FROM order_open_items WHERE (tenant, order_id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS text[])))
    ORDER BY tenant, order_id FOR UPDATE
""")
_SAVE = text("""
    UPDATE order_open_items SET receivable_minor = o.receivable, deposit_minor = o.deposit,
           applied_minor = o.applied, applications = o.applications, currency_code = o.currency,
           rate_date = o.rate_date, rate_nano = o.rate_nano, paid_minor = o.paid,
           refunded_minor = o.refunded
    FROM json_to_recordset(CAST(:rows AS json))
         AS o (tenant text, order_id text, receivable bigint, deposit bigint, applied bigint,
               applications integer, currency text, rate_date date, rate_nano bigint,
               paid bigint, refunded bigint)
    WHERE order_open_items.tenant = o.tenant AND order_open_items.order_id = o.order_id
""")


async def load(
    connection: AsyncConnection, orders: Iterable[OrderKey]
) -> Overlay[OrderKey, OpenItems]:
    """Open items of orders, locked."""
    keys = sorted(orders)
    if not keys:
        return Overlay()
    arguments = {"tenants": [k[0] for k in keys], "orders": [k[1] for k in keys]}
    await connection.execute(_EXIST, arguments)
    rows = await connection.execute(_LOAD, arguments)
    return Overlay({(row[0], row[1]): _items(*row[2:]) for row in rows})


def _items(
    receivable: int, deposit: int, applied: int, number: int, *rate: str | date | int | None
) -> OpenItems:
    currency, day, *sums = rate
    return OpenItems(
        receivable, deposit, applied, number, str(currency), day or NO_DATE, *sums  # type: ignore[arg-type]  # columns of the row
    )  # fmt: skip


async def save(
    connection: AsyncConnection,
    items: Overlay[OrderKey, OpenItems],
    before: dict[OrderKey, OpenItems],
) -> None:
    """Writes what differs from ``before``."""
    rows = [
        {
            "tenant": key[0],
            "order_id": key[1],
            "receivable": found.receivable,
            "deposit": found.deposit,
            "applied": found.applied,
            "applications": found.applications,
            "currency": found.currency_code,
            "rate_date": None if found.rate_date == NO_DATE else found.rate_date.isoformat(),
            "rate_nano": found.rate_nano,
            "paid": found.paid,
            "refunded": found.refunded,
        }
        for key, found in items.items()
        if before.get(key) != found
    ]
    if rows:
        await connection.execute(_SAVE, {"rows": json.dumps(rows)})
