"""Opens a period a first person proposed to open."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_core.errors import NotFound

from tandem_finance_posting.application.period_ports import (
    MovedPeriod,
    PeriodTransaction,
    carry_out,
)
from tandem_finance_posting.domain.period_change import Decision, approve


@dataclass(frozen=True)
class ApproveReopenPeriod:
    """Who approves which proposal."""

    tenant: str
    change_id: str
    by: Decision


async def approve_reopen_period(
    transaction: PeriodTransaction, command: ApproveReopenPeriod
) -> MovedPeriod:
    """Raises NotFound, SelfApproval, PeriodMoveRefused."""
    change = await transaction.change(command.tenant, command.change_id)
    if change is None:
        raise NotFound("period change", command.change_id)
    calendar = await transaction.calendar_alone(change.ledger)
    now = calendar.period_of(change.period.first, command.by.at.date())
    approve(change, now, command.by)
    return await carry_out(transaction, change, command.by)
