"""Balances kept beside the lines, in the transaction that writes them.

One row for each role, currency and combination of the three dates (accounting, original, recorded):
a trial balance by any of them reads some thousand rows instead of all lines ever written. Rows of a
ledger are written under the lock of its journal numbers, so postings never wait in a circle here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.journal_rows import NumberedJournal
from tandem_finance_posting.domain.posting_rule import Side

_ADD = text("""
    INSERT INTO ledger_balance AS b (tenant, legal_entity, book, role, currency_code,
        functional_currency_code, accounting_date, original_date, recorded_date, debit_minor,
        credit_minor, functional_debit_minor, functional_credit_minor)
    SELECT tenant, entity, book, role, currency, functional_currency, accounting, original,
           :recorded, debit, credit, functional_debit, functional_credit
    FROM json_to_recordset(CAST(:rows AS json))
        AS r (tenant text, entity text, book text, role text, currency text,
              functional_currency text, accounting date, original date, debit numeric,
              credit numeric, functional_debit numeric, functional_credit numeric)
    ON CONFLICT (tenant, legal_entity, book, role, currency_code, functional_currency_code,
                 accounting_date, original_date, recorded_date)
    DO UPDATE SET debit_minor = b.debit_minor + excluded.debit_minor,
        credit_minor = b.credit_minor + excluded.credit_minor,
        functional_debit_minor = b.functional_debit_minor + excluded.functional_debit_minor,
        functional_credit_minor = b.functional_credit_minor + excluded.functional_credit_minor
""")
_COUNT = text("""
    INSERT INTO ledger_day AS d (tenant, legal_entity, book, accounting_date, original_date,
                                 recorded_date, journals)
    SELECT tenant, entity, book, accounting, original, :recorded, journals
    FROM json_to_recordset(CAST(:rows AS json))
        AS r (tenant text, entity text, book text, accounting date, original date, journals bigint)
    ON CONFLICT (tenant, legal_entity, book, accounting_date, original_date, recorded_date)
    DO UPDATE SET journals = d.journals + excluded.journals
""")
_DAY = ("tenant", "entity", "book", "accounting", "original")
_ROLE = (*_DAY, "functional_currency", "role", "currency")
_SUMS = ("debit", "credit", "functional_debit", "functional_credit")

_DayKey = tuple[str, str, str, str, str]
_RoleKey = tuple[str, str, str, str, str, str, str, str]


async def add_to_balances(
    connection: AsyncConnection, numbered: Sequence[NumberedJournal], now: datetime
) -> None:
    """Adds journals to the balances of their ledgers; ``now`` is when they are recorded."""
    if not numbered:
        return
    days, roles = _sums(numbered)
    day_rows = [dict(zip(_DAY, key, strict=True), journals=n) for key, n in days.items()]
    role_rows = [
        dict(zip((*_ROLE, *_SUMS), (*key, *sums), strict=True)) for key, sums in roles.items()
    ]
    recorded = now.date()
    await connection.execute(_COUNT, {"recorded": recorded, "rows": json.dumps(day_rows)})
    await connection.execute(_ADD, {"recorded": recorded, "rows": json.dumps(role_rows)})


def _sums(
    numbered: Sequence[NumberedJournal],
) -> tuple[dict[_DayKey, int], dict[_RoleKey, list[int]]]:
    days: dict[_DayKey, int] = {}
    roles: dict[_RoleKey, list[int]] = {}
    for item in numbered:
        journal, event = item.journal, item.journal.event
        day = (
            event.tenant,
            journal.legal_entity,
            journal.book,
            journal.accounting_date.isoformat(),
            event.original_date.isoformat(),
        )
        days[day] = days.get(day, 0) + 1
        functional = journal.functional_currency_code
        for line in journal.lines:
            key = (*day, functional, line.role, line.currency_code or event.currency_code)
            sums = roles.setdefault(key, [0, 0, 0, 0])
            place = 0 if line.side is Side.DEBIT else 1
            sums[place] += line.amount
            sums[place + 2] += line.functional
    return days, roles
