"""Leaves a period closed that somebody proposed to open."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tandem_core.errors import NotFound

from tandem_finance_posting.application.period_ports import PeriodTransaction
from tandem_finance_posting.domain.period_change import (
    ChangeState,
    Decision,
    PeriodChange,
    check_open,
)


@dataclass(frozen=True)
class RejectReopenPeriod:
    """Who refuses which proposal; who made it takes it back so."""

    tenant: str
    change_id: str
    by: Decision


async def reject_reopen_period(
    transaction: PeriodTransaction, command: RejectReopenPeriod
) -> PeriodChange:
    """Raises NotFound, PeriodMoveRefused."""
    change = await transaction.change(command.tenant, command.change_id)
    if change is None:
        raise NotFound("period change", command.change_id)
    check_open(change)
    rejected = replace(change, state=ChangeState.REJECTED, decided=command.by)
    await transaction.save_change(rejected)
    return rejected
