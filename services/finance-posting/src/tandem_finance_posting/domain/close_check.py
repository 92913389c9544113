"""What keeps a period from being closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from tandem_finance_posting.domain.errors import CloseBlocked
from tandem_finance_posting.domain.period import Period, PeriodCalendar
from tandem_finance_posting.domain.period_change import LedgerKey

EXAMPLES_MAX = 20
"""Of one kind; the lists of events, batches and sequences show the rest."""


class BlockerKind(StrEnum):
    """Kinds of blockers."""

    HELD_EVENTS = "HELD_EVENTS"
    UNACKNOWLEDGED_EXPORTS = "UNACKNOWLEDGED_EXPORTS"
    UNCLEARED_ROLES = "UNCLEARED_ROLES"
    SEQUENCE_GAPS = "SEQUENCE_GAPS"
    UNSEALED_CHAIN = "UNSEALED_CHAIN"
    RECONCILIATION = "RECONCILIATION"
    EARLIER_PERIOD_OPEN = "EARLIER_PERIOD_OPEN"
    BALANCES_DIFFER = "BALANCES_DIFFER"


@dataclass(frozen=True)
class Blocker:
    """One kind of thing that blocks; ``amounts`` are minor units by currency."""

    kind: BlockerKind
    count: int
    detail: str
    amounts: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[str] = ()


@dataclass(frozen=True)
class CloseScope:
    """What is to be closed: a period of a ledger, as of a day."""

    ledger: LedgerKey
    period: Period
    today: date


@dataclass(frozen=True)
class JudgedBooks:
    """What blocks in the lines of a scope, judged up to a journal's number."""

    scope: CloseScope
    last_journal: int
    blockers: Sequence[Blocker]


@dataclass(frozen=True)
class ClosePolicy:
    """What the books' roles mean to a close, and what is small or young enough to let pass.

    A role that must clear blocks with what was booked up to ``clearing_days`` before the period's
    end and is not cleared at its end, oldest first, when that is more than ``threshold_minor``.
    """

    clear_by_order: frozenset[str]
    """Roles that come back to zero within each order."""
    clear_as_whole: frozenset[str]
    """Roles that come back to zero over all: what is open there is found by its age."""
    results: frozenset[str]
    """Roles of revenue and expense."""
    refund_approvals: frozenset[str] = frozenset()
    """Types of events by which money becomes due to a customer."""
    threshold_minor: int = 100
    clearing_days: int = 7


def earlier_open(calendar: PeriodCalendar, period: Period) -> list[Blocker]:
    """Periods before one that were opened again or soft closed, and would change what is closed."""
    codes = [p.code for p in calendar.before(period) if p.state in ("OPEN", "SOFT_CLOSED")]
    if not codes:
        return []
    detail = "close the periods before it first"
    return [
        Blocker(BlockerKind.EARLIER_PERIOD_OPEN, len(codes), detail, examples=codes[:EXAMPLES_MAX])
    ]


def check_ready(period: Period, blockers: Sequence[Blocker]) -> None:
    """Raises CloseBlocked naming the kinds of blockers with their counts."""
    if blockers:
        named = ", ".join(f"{blocker.kind}={blocker.count}" for blocker in blockers)
        raise CloseBlocked(period.code, named)
