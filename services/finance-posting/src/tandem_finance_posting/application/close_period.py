"""Closes a period when nothing blocks: what came before is judged, what comes after is late."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_finance_posting.application.period_ports import (
    MovedPeriod,
    PeriodName,
    PeriodTransaction,
    carry_out,
)
from tandem_finance_posting.domain.close_check import CloseScope, check_ready, earlier_open
from tandem_finance_posting.domain.period import PeriodState
from tandem_finance_posting.domain.period_change import Decision, PeriodChange, check_move


@dataclass(frozen=True)
class ClosePeriod:
    """Who closes which period."""

    change_id: str
    name: PeriodName
    by: Decision


async def close_period(transaction: PeriodTransaction, command: ClosePeriod) -> MovedPeriod:
    """Raises NotFound, PeriodMoveRefused, CloseBlocked."""
    ledger, today = command.name.ledger, command.by.at.date()
    # Before the lock, for it takes long; what it misses is seen under the lock.
    calendar = await transaction.calendar(ledger)
    before = command.name.of(calendar, today)
    check_move(calendar, before, PeriodState.CLOSED)
    judged = await transaction.judge_books(CloseScope(ledger, before, today))
    calendar = await transaction.calendar_alone(ledger)
    period = command.name.of(calendar, today)
    check_move(calendar, period, PeriodState.CLOSED)
    found = await transaction.blockers(CloseScope(ledger, period, today), judged)
    check_ready(period, [*earlier_open(calendar, period), *found])
    change = PeriodChange(
        command.change_id,
        ledger,
        period,
        PeriodState.CLOSED,
        command.by,
        reseals=await transaction.was_closed(ledger, period),
    )
    return await carry_out(transaction, change, command.by)
