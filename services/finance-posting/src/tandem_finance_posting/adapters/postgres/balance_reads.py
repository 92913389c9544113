"""Reads of the kept balances by any of a journal's dates, and of what counts late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.domain.period import PeriodCalendar, PeriodState


class DateBasis(StrEnum):
    """Which of a journal's dates a question is about; the value is the column."""

    ACCOUNTING = "accounting_date"
    ORIGINAL = "original_date"
    RECORDED = "recorded_date"


_SCOPE = """
    tenant = :tenant AND (:entity = '' OR legal_entity = :entity) AND (:book = '' OR book = :book)
"""


def _movements(basis: DateBasis) -> TextClause:
    before, within = f"{basis} < :first", f"{basis} >= :first"
    return text(f"""
        SELECT legal_entity, book, currency_code, functional_currency_code, role,
               coalesce(sum(debit_minor - credit_minor) FILTER (WHERE {before}), 0) AS opening,
               coalesce(sum(debit_minor) FILTER (WHERE {within}), 0) AS debit,
               coalesce(sum(credit_minor) FILTER (WHERE {within}), 0) AS credit,
               coalesce(sum(functional_debit_minor - functional_credit_minor)
                        FILTER (WHERE {before}), 0) AS functional_opening,
               coalesce(sum(functional_debit_minor) FILTER (WHERE {within}), 0)
                   AS functional_debit,
               coalesce(sum(functional_credit_minor) FILTER (WHERE {within}), 0)
                   AS functional_credit
        FROM ledger_balance
        WHERE {_SCOPE} AND {basis} <= :last AND (:all_roles OR role = ANY(:roles))
        GROUP BY legal_entity, book, currency_code, functional_currency_code, role
        ORDER BY legal_entity, book, currency_code, functional_currency_code, role
    """)


def _count(basis: DateBasis) -> TextClause:
    return text(f"""
        SELECT coalesce(sum(journals), 0) FROM ledger_day WHERE {_SCOPE} AND {basis} <= :last
    """)


_MOVEMENTS = {basis: _movements(basis) for basis in DateBasis}
_COUNTS = {basis: _count(basis) for basis in DateBasis}
_LATE = text("""
    SELECT original_date, functional_currency_code, role,
           sum(functional_debit_minor - functional_credit_minor) AS amount
    FROM ledger_balance
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book
      AND accounting_date > original_date AND role = ANY(:roles)
    GROUP BY original_date, functional_currency_code, role
""")
_COMPLETE = (PeriodState.CLOSED, PeriodState.LOCKED)


@dataclass(frozen=True)
class BalanceQuery:
    """Which balances. Empty texts and roles do not filter."""

    tenant: str
    legal_entity: str = ""
    book: str = ""
    roles: Sequence[str] = ()
    basis: DateBasis = DateBasis.ACCOUNTING
    first: date = date.min
    last: date = date.max

    @property
    def arguments(self) -> dict[str, Any]:
        """As arguments of a statement."""
        return {
            "tenant": self.tenant,
            "entity": self.legal_entity,
            "book": self.book,
            "roles": list(self.roles),
            "all_roles": not self.roles,
            "first": self.first,
            "last": self.last,
        }


async def movements(connection: AsyncConnection, query: BalanceQuery) -> Sequence[RowMapping]:
    """What roles held before the days, and what moved in them."""
    found = await connection.execute(_MOVEMENTS[query.basis], query.arguments)
    return found.mappings().all()


async def journal_count(connection: AsyncConnection, query: BalanceQuery) -> int:
    """Journals up to the last day."""
    return int((await connection.execute(_COUNTS[query.basis], query.arguments)).scalar_one())


LateAmounts = dict[tuple[date, str], int]
"""By first day of the period it happened in, and currency of the books."""


async def late_amounts(
    connection: AsyncConnection,
    ledger: LedgerKey,
    calendar: PeriodCalendar,
    results: Iterable[str],
    today: date,
) -> LateAmounts:
    """What counts in a later period though it happened in a closed one: each role's balance
    without its sign, for a late sale and its late cost are two late things and not none."""
    arguments = {
        "tenant": ledger[0],
        "entity": ledger[1],
        "book": ledger[2],
        "roles": sorted(results),
    }
    by_role: dict[tuple[date, str, str], int] = {}
    for original, currency, role, amount in await connection.execute(_LATE, arguments):
        period = calendar.period_of(original, today)
        if period.state in _COMPLETE:
            key = (period.first, currency, role)
            by_role[key] = by_role.get(key, 0) + int(amount)
    late: LateAmounts = {}
    for (first, currency, _role), amount in by_role.items():
        late[first, currency] = late.get((first, currency), 0) + abs(amount)
    return late
