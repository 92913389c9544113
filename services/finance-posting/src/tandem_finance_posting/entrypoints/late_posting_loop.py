"""Tells the controller when what counts late for a closed period has become material."""

from __future__ import annotations

from datetime import date

from tandem_core.clock import Clock
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_finance_posting.adapters.postgres import late_rows, period_rows
from tandem_finance_posting.adapters.postgres.balance_reads import late_amounts
from tandem_finance_posting.adapters.postgres.period_reads import ClosePolicyOf
from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.domain.period import PeriodCalendar

LEDGERS_MAX = 1_000
"""Ledgers of one round."""


class LatePostings:
    """Looks at what counts late; tells a period once, and again each time it has doubled."""

    def __init__(
        self,
        units: UnitOfWorkFactory,
        policy_of: ClosePolicyOf,
        clock: Clock,
        *,
        limit_minor: int,
    ) -> None:
        self._units = units
        self._policy_of = policy_of
        self._clock = clock
        self._limit_minor = limit_minor

    async def look(self) -> int:
        """One round; how many periods were told."""
        async with self._units.database.transaction() as connection:
            ledgers = await late_rows.ledgers_with_periods(connection, LEDGERS_MAX)
        return sum([await self._look_at(ledger) for ledger in ledgers])

    async def _look_at(self, ledger: LedgerKey) -> int:
        now = self._clock.now()
        told = 0
        async with self._units() as uow:
            policy = await self._policy_of(uow.connection, ledger[0], now.date())
            calendar = (await period_rows.read_calendars(uow.connection, [ledger]))[ledger]
            found = await late_amounts(uow.connection, ledger, calendar, policy.results, now.date())
            for (first, currency), amount in sorted(found.items()):
                if amount <= self._limit_minor:
                    continue
                late = self._late(ledger, calendar, first, currency, amount)
                told += await late_rows.tell_material(uow, late, now)
            await uow.commit()
        return told

    def _late(
        self, ledger: LedgerKey, calendar: PeriodCalendar, first: date, currency: str, amount: int
    ) -> late_rows.LatePeriod:
        period = calendar.period_of(first, self._clock.now().date())
        return late_rows.LatePeriod(ledger, period, currency, amount, self._limit_minor)
