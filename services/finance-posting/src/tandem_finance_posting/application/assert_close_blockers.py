"""Keeps what another service has found that blocks a period: its whole list, each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_finance_posting.application.period_ports import (
    AssertedBlocker,
    PeriodName,
    PeriodTransaction,
)
from tandem_finance_posting.domain.close_check import CloseScope


@dataclass(frozen=True)
class AssertCloseBlockers:
    """All that one source knows of a period."""

    name: PeriodName
    source: str
    found: Sequence[AssertedBlocker]


async def assert_close_blockers(
    transaction: PeriodTransaction, command: AssertCloseBlockers, now: datetime
) -> int:
    """How many are kept. Raises NotFound, ValidationFailed for a ref named twice."""
    refs = [blocker.ref for blocker in command.found]
    twice = {ref for ref in refs if refs.count(ref) > 1} if len(set(refs)) < len(refs) else set()
    if twice:
        raise ValidationFailed([FieldViolation("blockers.ref", f"{sorted(twice)[0]} comes twice")])
    calendar = await transaction.calendar_alone(command.name.ledger)
    period = command.name.of(calendar, now.date())
    scope = CloseScope(command.name.ledger, period, now.date())
    await transaction.assert_blockers(scope, command.source, command.found, now)
    return len(refs)
