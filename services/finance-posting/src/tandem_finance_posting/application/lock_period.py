"""Locks a closed period for ever."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_finance_posting.application.period_ports import (
    MovedPeriod,
    PeriodName,
    PeriodTransaction,
    carry_out,
)
from tandem_finance_posting.domain.period import PeriodState
from tandem_finance_posting.domain.period_change import Decision, PeriodChange, check_move


@dataclass(frozen=True)
class LockPeriod:
    """Who locks which period."""

    change_id: str
    name: PeriodName
    by: Decision


async def lock_period(transaction: PeriodTransaction, command: LockPeriod) -> MovedPeriod:
    """Raises NotFound, PeriodMoveRefused."""
    ledger = command.name.ledger
    calendar = await transaction.calendar_alone(ledger)
    period = command.name.of(calendar, command.by.at.date())
    check_move(calendar, period, PeriodState.LOCKED)
    change = PeriodChange(command.change_id, ledger, period, PeriodState.LOCKED, command.by)
    return await carry_out(transaction, change, command.by)
