"""Balances kept beside the lines, in the transaction that writes them.

One row for each role, currency and combination of the three dates (accounting, original, recorded):
a trial balance by any of them reads some thousand rows instead of all lines ever written. Rows of a
ledger are written under the lock of its journal numbers, so postings never wait in a circle here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.journal_rows import NumberedJournal
from tandem_finance_posting.domain.posting_rule import Side
from tandem_finance_posting.domain.seal_chain import canonical

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


_PERIOD = text("""
    SELECT role, currency_code, functional_currency_code, CAST(sum(debit_minor) AS text),
           CAST(sum(credit_minor) AS text), CAST(sum(functional_debit_minor) AS text),
           CAST(sum(functional_credit_minor) AS text)
    FROM ledger_balance
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book
      AND accounting_date BETWEEN :first AND :last
    GROUP BY role, currency_code, functional_currency_code
    ORDER BY role COLLATE "C", currency_code COLLATE "C", functional_currency_code COLLATE "C"
""")
_COMPARED = text("""
    WITH kept AS (
        SELECT legal_entity, book, role, accounting_date, currency_code,
               sum(debit_minor) AS debit, sum(credit_minor) AS credit,
               sum(functional_debit_minor) AS f_debit, sum(functional_credit_minor) AS f_credit
        FROM ledger_balance
        WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity)
          AND accounting_date BETWEEN :first AND :last
        GROUP BY 1, 2, 3, 4, 5
    ), summed AS (
        SELECT legal_entity, book, role, accounting_date, currency_code,
               coalesce(sum(amount_minor) FILTER (WHERE side = 'DEBIT'), 0) AS debit,
               coalesce(sum(amount_minor) FILTER (WHERE side = 'CREDIT'), 0) AS credit,
               coalesce(sum(functional_minor) FILTER (WHERE side = 'DEBIT'), 0) AS f_debit,
               coalesce(sum(functional_minor) FILTER (WHERE side = 'CREDIT'), 0) AS f_credit
        FROM journal_line
        WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity)
          AND accounting_date BETWEEN :first AND :last
        GROUP BY 1, 2, 3, 4, 5
    )
    SELECT legal_entity, book, role, accounting_date, currency_code,
           coalesce(k.debit - k.credit, 0) AS kept, coalesce(s.debit - s.credit, 0) AS summed,
           (k.debit, k.credit, k.f_debit, k.f_credit)
               IS DISTINCT FROM (s.debit, s.credit, s.f_debit, s.f_credit) AS differs
    FROM kept k FULL JOIN summed s
        USING (legal_entity, book, role, accounting_date, currency_code)
    ORDER BY 1, 2, 3, 4, 5
""")


@dataclass(frozen=True)
class BalanceDifference:
    """A balance that is not the sum of its lines; debits less credits in minor units."""

    legal_entity: str
    book: str
    role: str
    accounting_date: date
    currency_code: str
    kept: int
    summed: int


async def balance_hash(
    connection: AsyncConnection, ledger: tuple[str, str, str], first: date, last: date
) -> bytes:
    """SHA-256 over the balances of some days: the same days of the same books give the same."""
    arguments = {
        "tenant": ledger[0],
        "entity": ledger[1],
        "book": ledger[2],
        "first": first,
        "last": last,
    }
    fields: list[str] = [*ledger, first.isoformat(), last.isoformat()]
    for row in await connection.execute(_PERIOD, arguments):
        fields += row
    return hashlib.sha256(canonical(fields).encode()).digest()


async def balance_differences(
    connection: AsyncConnection, tenant: str, entity: str, days: tuple[date, date]
) -> tuple[int, list[BalanceDifference]]:
    """How many balances were compared with their lines, and those that differ."""
    arguments = {"tenant": tenant, "entity": entity, "first": days[0], "last": days[1]}
    rows = (await connection.execute(_COMPARED, arguments)).all()
    different = [
        BalanceDifference(row[0], row[1], row[2], row[3], row[4], int(row[5]), int(row[6]))
        for row in rows
        if row[7]
    ]
    return len(rows), different
