"""Replaces months by periods of one's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_finance_posting.application.period_ports import PeriodTransaction
from tandem_finance_posting.domain.period import Period
from tandem_finance_posting.domain.period_change import LedgerKey, check_new_periods


@dataclass(frozen=True)
class DefinePeriods:
    """The periods of a ledger."""

    ledger: LedgerKey
    periods: tuple[Period, ...]


async def define_periods(
    transaction: PeriodTransaction, command: DefinePeriods, now: datetime
) -> list[Period]:
    """The periods as they stand. Raises PeriodDefinitionInvalid."""
    calendar = await transaction.calendar_alone(command.ledger)
    today = now.date()
    check_new_periods(calendar, command.periods, today)
    for period in command.periods:
        calendar = calendar.with_period(period)
    stand = []
    for period in command.periods:
        version = await transaction.store(command.ledger, period)
        found = replace(period, state=calendar.period_of(period.first, today).state)
        transaction.tell(command.ledger, found, version, None, now)
        stand.append(found)
    return stand
