"""Reads of periods: calendars with what counts late, steps, blockers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.errors import NotFound
from tandem_platform.database import Database

from tandem_finance_posting.adapters.postgres import close_rows, period_change_rows, period_rows
from tandem_finance_posting.adapters.postgres.balance_reads import LateAmounts, late_amounts
from tandem_finance_posting.adapters.postgres.period_change_rows import ChangeFilter
from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.domain.close_check import (
    Blocker,
    ClosePolicy,
    CloseScope,
    earlier_open,
)
from tandem_finance_posting.domain.period import Period, PeriodCalendar
from tandem_finance_posting.domain.period_change import PeriodChange

ClosePolicyOf = Callable[[AsyncConnection, str, date], Awaitable[ClosePolicy]]
"""What roles mean to a close, of a tenant's rule set in force on a day."""


@dataclass(frozen=True)
class LedgerPeriods:
    """The periods of a ledger as of a day."""

    calendar: PeriodCalendar
    late: LateAmounts
    hashes: dict[date, bytes]
    """Balances periods were closed with last, by first day."""

    def late_of(self, period: Period) -> dict[str, int]:
        """What counts late for a period, by currency of the books."""
        return {
            currency: amount for (first, currency), amount in self.late.items()
            if first == period.first
        }  # fmt: skip


class PeriodReads:
    """Reads without locks."""

    def __init__(self, database: Database, policy_of: ClosePolicyOf) -> None:
        self._database = database
        self._policy_of = policy_of

    async def periods(self, ledger: LedgerKey, today: date) -> LedgerPeriods:
        """The periods of a ledger."""
        async with self._database.transaction() as connection:
            policy = await self._policy_of(connection, ledger[0], today)
            return await ledger_periods(connection, ledger, policy, today)

    async def close_check(
        self, ledger: LedgerKey, code: str, today: date
    ) -> tuple[Period, LedgerPeriods, list[Blocker]]:
        """A period and what keeps it from being closed. Raises NotFound."""
        async with self._database.transaction() as connection:
            policy = await self._policy_of(connection, ledger[0], today)
            periods = await ledger_periods(connection, ledger, policy, today)
            period = periods.calendar.named(code, today)
            if period is None:
                raise NotFound("period", code)
            scope = CloseScope(ledger, period, today)
            found = await close_rows.find_blockers(connection, scope, policy)
        return period, periods, [*earlier_open(periods.calendar, period), *found]

    async def changes(
        self, wanted: ChangeFilter, after: Sequence[str | int] | None, rows: int
    ) -> list[PeriodChange]:
        """A page of steps, newest first."""
        async with self._database.transaction() as connection:
            return await period_change_rows.list_changes(connection, wanted, after, rows)


async def ledger_periods(
    connection: AsyncConnection, ledger: LedgerKey, policy: ClosePolicy, today: date
) -> LedgerPeriods:
    """The periods of a ledger, read on an open connection."""
    calendar = (await period_rows.read_calendars(connection, [ledger]))[ledger]
    late = await late_amounts(connection, ledger, calendar, policy.results, today)
    hashes = await period_change_rows.closed_balances(connection, ledger)
    return LedgerPeriods(calendar, late, hashes)
