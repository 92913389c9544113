"""Steps in the life of a period: which are allowed, by whom, and what the books were then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from tandem_finance_posting.domain.approval import check_second_person
from tandem_finance_posting.domain.errors import PeriodDefinitionInvalid, PeriodMoveRefused
from tandem_finance_posting.domain.period import (
    Period,
    PeriodCalendar,
    PeriodState,
    check_definition,
)

LedgerKey = tuple[str, str, str]
"""Tenant, legal entity, book."""

_FROM = {
    PeriodState.SOFT_CLOSED: (PeriodState.OPEN,),
    PeriodState.CLOSED: (PeriodState.OPEN, PeriodState.SOFT_CLOSED),
    PeriodState.LOCKED: (PeriodState.CLOSED,),
}
"""What one person may do: the states a step may start from, by the state it leads to."""


class ChangeState(StrEnum):
    """Life of a step."""

    PROPOSED = "PROPOSED"
    DONE = "DONE"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class BooksThen:
    """What the books were at a step: the end of the chain, and a hash of the period's balances."""

    chain_sequence: int = 0
    chain_hash: bytes = b""
    balance_hash: bytes = b""


@dataclass(frozen=True)
class Decision:
    """Who decided, when and why."""

    subject: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True)
class PeriodChange:
    """One step. A step that one person may do is proposed and decided by the same."""

    id: str
    ledger: LedgerKey
    period: Period
    to_state: PeriodState
    proposed: Decision
    state: ChangeState = ChangeState.PROPOSED
    decided: Decision | None = None
    books: BooksThen = BooksThen()
    reseals: bool = False
    """The period had been closed before: what was sealed by that is replaced."""

    @property
    def from_state(self) -> PeriodState:
        """The period's state before the step."""
        return _state(self.period)

    @property
    def changed(self) -> Period:
        """The period after the step."""
        return replace(self.period, state=self.to_state)

    def done(self, decision: Decision, books: BooksThen) -> PeriodChange:
        """The step, carried out."""
        return replace(self, state=ChangeState.DONE, decided=decision, books=books)


def check_move(calendar: PeriodCalendar, period: Period, to_state: PeriodState) -> None:
    """Raises PeriodMoveRefused when one person may not take a period to a state."""
    if _state(period) not in _FROM[to_state]:
        raise _refused(period, f"cannot become {to_state}")
    if to_state is PeriodState.LOCKED:
        for earlier in calendar.before(period):
            if earlier.state is not PeriodState.LOCKED:
                raise _refused(period, f"{earlier.code} before it is {earlier.state}")


def check_reopening(period: Period, to_state: PeriodState) -> None:
    """Raises PeriodMoveRefused when a period cannot be proposed for reopening."""
    allowed = {
        PeriodState.OPEN: (PeriodState.SOFT_CLOSED, PeriodState.CLOSED),
        PeriodState.SOFT_CLOSED: (PeriodState.CLOSED,),
    }[to_state]
    if _state(period) not in allowed:
        raise _refused(period, f"cannot be opened again as {to_state}")


def approve(change: PeriodChange, now: Period, decision: Decision) -> None:
    """Raises SelfApproval, or PeriodMoveRefused when the step was decided or its period moved."""
    check_open(change)
    check_second_person(
        f"reopening of {change.period.code}", (change.proposed.subject,), decision.subject
    )
    if now.state is not change.from_state:
        raise _refused(now, f"was {change.from_state} when its reopening was proposed")


def check_open(change: PeriodChange) -> None:
    """Raises PeriodMoveRefused when a step was decided before."""
    if change.state is not ChangeState.PROPOSED:
        raise _refused(change.period, f"the proposal is {change.state}")


def check_new_periods(calendar: PeriodCalendar, defined: tuple[Period, ...], today: date) -> None:
    """Raises PeriodDefinitionInvalid for periods no calendar can hold, or over closed days."""
    check_definition(calendar, defined)
    free = (PeriodState.OPEN, PeriodState.FUTURE)
    for period in defined:
        for now in calendar.periods(period.first, period.last, today):
            if now.state not in free:
                raise PeriodDefinitionInvalid(period.code, f"{now.code} is {now.state}")


def _state(period: Period) -> PeriodState:
    assert period.state is not None, "a period of a calendar as of a day has a state"
    return period.state


def _refused(period: Period, detail: str) -> PeriodMoveRefused:
    return PeriodMoveRefused(period.code, str(period.state), detail)
