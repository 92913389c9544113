"""What people and policy do with a case, on the locked rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tandem_core.errors import NotFound

from tandem_inventory_availability.domain.conflict_case import (
    ConflictCase,
    ConflictPolicy,
    ConflictState,
    Resolution,
)
from tandem_inventory_availability.domain.conflict_errors import ConflictStateWrong, ResolutionGone
from tandem_inventory_availability.domain.conflict_ladder import Situation, break_at, propose
from tandem_inventory_availability.domain.conflict_resolution import act_on, missing
from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.stock_book import CaseNote, StockBook

CaseId = tuple[str, str]
"""Tenant and id."""


@dataclass(frozen=True)
class Decided:
    """Who decided and why; no person when policy did."""

    person: str
    reason: str = ""


def look_at(
    book: StockBook, case_id: CaseId, situation: Situation, policy: ConflictPolicy
) -> ConflictCase:
    """Keeps victims and steps with a case. Raises NotFound, ConflictStateWrong."""
    case = _case(book, case_id)
    case.check_open()
    victims, steps = propose(case, situation, policy)
    return book.case_step(case.looked_at(victims, steps, break_at(victims, policy)), "PROPOSED")


def apply_resolution(
    book: StockBook, case_id: CaseId, step: Resolution, decided: Decided
) -> ConflictCase:
    """The case after the step, or after the first of two people agreed to it.

    Raises NotFound, ConflictStateWrong, ResolutionGone, SecondPersonNeeded, InsufficientStock.
    """
    case = _case(book, case_id)
    if case.resolution(step.number) != step:
        raise ResolutionGone(case.id, step.number)
    waiting = case.agreed_by(step, decided.person)
    if waiting is not None:
        return book.case_step(waiting, "UPDATED")
    after = case.applied(step, act_on(book, case, step), book.now)
    note = CaseNote(decided.reason, step, case.approvers(step, decided.person))
    kept = book.case_step(after, "APPLIED", note)
    _touch(book, case)
    return kept


def check_version(book: StockBook, case_id: CaseId, expected: int) -> None:
    """Raises ConflictStateWrong when the case changed since the caller read it; 0 takes any."""
    case = _case(book, case_id)
    if expected and expected != case.version:
        raise ConflictStateWrong(case.id, case.state.value)


def assign(book: StockBook, case_id: CaseId, assignee: str) -> ConflictCase:
    """Somebody looks after it. Raises NotFound, ConflictStateWrong."""
    return book.case_step(_case(book, case_id).assigned(assignee), "UPDATED")


def escalate(book: StockBook, case_id: CaseId, reason: str) -> ConflictCase:
    """Hands it up. Raises NotFound, ConflictStateWrong."""
    return book.case_step(_case(book, case_id).escalated(), "ESCALATED", CaseNote(reason))


def close_if_clear(book: StockBook, case_id: CaseId, grace: timedelta) -> ConflictCase | None:
    """Closes a case where nothing has been missing for a grace time; None when it stays."""
    case = book.cases.get(case_id)
    if case is None or not case.open:
        return None
    _touch(book, case)
    due = case.clear_since is not None and case.clear_since + grace <= book.now
    if not due or missing(book, case):
        return None
    return book.case_step(case.closed(ConflictState.AUTO_CLOSED, book.now), "RESOLVED")


def _touch(book: StockBook, case: ConflictCase) -> None:
    """Its place is looked at once more when the batch is written: flags follow the case."""
    place = case.scope.place
    if isinstance(place, GroupKey):
        book.change_group(place)
    else:
        book.change(place)


def _case(book: StockBook, case_id: CaseId) -> ConflictCase:
    found = book.cases.get(case_id)
    if found is None:
        raise NotFound("conflict", case_id[1])
    return found
