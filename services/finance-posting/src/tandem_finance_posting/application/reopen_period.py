"""Proposes to open a period again; a second person decides."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_finance_posting.application.period_ports import PeriodName, PeriodTransaction
from tandem_finance_posting.domain.period import PeriodState
from tandem_finance_posting.domain.period_change import Decision, PeriodChange, check_reopening


@dataclass(frozen=True)
class ReopenPeriod:
    """Who proposes to open which period, and for what."""

    change_id: str
    name: PeriodName
    by: Decision
    adjustments_only: bool = False


async def reopen_period(transaction: PeriodTransaction, command: ReopenPeriod) -> PeriodChange:
    """The proposal. Raises NotFound, PeriodMoveRefused."""
    ledger = command.name.ledger
    calendar = await transaction.calendar_alone(ledger)
    period = command.name.of(calendar, command.by.at.date())
    to_state = PeriodState.SOFT_CLOSED if command.adjustments_only else PeriodState.OPEN
    check_reopening(period, to_state)
    reseals = await transaction.was_closed(ledger, period)
    change = PeriodChange(command.change_id, ledger, period, to_state, command.by, reseals=reseals)
    await transaction.save_change(change)
    return change
