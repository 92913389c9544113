"""Rates and open items in foreign currency; touched only where a book has another currency."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.domain.currency_rates import (
    RATE_AGE_DAYS_MAX,
    MonetaryItem,
    Pair,
    RateTable,
)
from tandem_finance_posting.domain.functional_amounts import ItemKey
from tandem_finance_posting.domain.overlay import Overlay

_TURN_EXISTS = text("""
    INSERT INTO fx_ledger (tenant, legal_entity, currency_code)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:entities AS text[]),
                         CAST(:codes AS text[])) ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
""")
_TURN = text("""
    SELECT 1 FROM fx_ledger WHERE (tenant, legal_entity, currency_code) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:entities AS text[]),
                             CAST(:codes AS text[])))
    ORDER BY tenant, legal_entity, currency_code FOR UPDATE
""")
_ITEMS = text("""
    SELECT tenant, legal_entity, book, role, currency_code, item, amount_minor, functional_minor
    FROM fx_item WHERE (tenant, legal_entity, currency_code) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:entities AS text[]),
                             CAST(:codes AS text[])))
      AND item = ANY(CAST(:items AS text[]))
""")
_SAVE = text("""
    INSERT INTO fx_item (tenant, legal_entity, book, role, currency_code, item, amount_minor,
                         functional_minor)
    SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS i (tenant text, legal_entity text, book text, role text, currency_code text, item text,
              amount_minor bigint, functional_minor bigint)
    ON CONFLICT (tenant, legal_entity, currency_code, item, book, role) DO UPDATE SET
        amount_minor = excluded.amount_minor, functional_minor = excluded.functional_minor
""")
_RATES = text("""
    SELECT tenant, from_currency, to_currency, day, rate_nano FROM currency_rate
    WHERE tenant = ANY(CAST(:tenants AS text[])) AND from_currency = ANY(CAST(:codes AS text[]))
      AND day BETWEEN :first AND :last
""")


@dataclass
class ForeignNeeds:
    """What foreign events touch: ledgers (tenant, entity, currency), items and days."""

    ledgers: set[tuple[str, str, str]] = field(default_factory=set)
    items: set[str] = field(default_factory=lambda: {""})
    days: set[date] = field(default_factory=set)

    def arguments(self) -> dict[str, list[str]]:
        """Arrays for the statements, in locking order."""
        keys = sorted(self.ledgers)
        return {
            "tenants": [k[0] for k in keys],
            "entities": [k[1] for k in keys],
            "codes": [k[2] for k in keys],
        }


async def load_items(
    connection: AsyncConnection, needs: ForeignNeeds
) -> Overlay[ItemKey, MonetaryItem]:
    """Open items the events may settle; their ledgers are locked."""
    arguments = needs.arguments()
    await connection.execute(_TURN_EXISTS, arguments)
    await connection.execute(_TURN, arguments)
    rows = await connection.execute(_ITEMS, {**arguments, "items": sorted(needs.items)})
    return Overlay({tuple(row[:6]): MonetaryItem(row[6], row[7]) for row in rows})


async def save_items(
    connection: AsyncConnection,
    items: Overlay[ItemKey, MonetaryItem],
    before: dict[ItemKey, MonetaryItem],
) -> None:
    """Writes what differs from ``before``."""
    names = ("tenant", "legal_entity", "book", "role", "currency_code", "item")
    rows = [
        dict(zip(names, key, strict=True))
        | {"amount_minor": found.amount, "functional_minor": found.functional}
        for key, found in items.items()
        if before.get(key) != found
    ]
    if rows:
        await connection.execute(_SAVE, {"rows": json.dumps(rows)})


async def load_rates(
    connection: AsyncConnection, tenants: Iterable[str], codes: Iterable[str], days: Iterable[date]
) -> dict[str, RateTable]:
    """Sealed rates that can be good for these days, by tenant."""
    span = sorted(days)
    rows = await connection.execute(
        _RATES,
        {
            "tenants": sorted(set(tenants)),
            "codes": sorted(set(codes)),
            "first": span[0] - timedelta(days=RATE_AGE_DAYS_MAX),
            "last": span[-1],
        },
    )
    found: dict[str, dict[Pair, dict[date, int]]] = {}
    for tenant, source, target, day, nano in rows:
        found.setdefault(tenant, {}).setdefault((source, target), {})[day] = nano
    return {tenant: RateTable(pairs) for tenant, pairs in found.items()}
