"""Leaves a period to approved adjustments."""

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
class SoftClosePeriod:
    """Who soft closes which period."""

    change_id: str
    name: PeriodName
    by: Decision


async def soft_close_period(
    transaction: PeriodTransaction, command: SoftClosePeriod
) -> MovedPeriod:
    """Raises NotFound, PeriodMoveRefused."""
    ledger = command.name.ledger
    calendar = await transaction.calendar_alone(ledger)
    period = command.name.of(calendar, command.by.at.date())
    check_move(calendar, period, PeriodState.SOFT_CLOSED)
    change = PeriodChange(command.change_id, ledger, period, PeriodState.SOFT_CLOSED, command.by)
    return await carry_out(transaction, change, command.by)
