"""Accounting periods: which day of the books an event counts on.

Months are periods without anybody saying so: open up to the current one, future after it. Only what
was changed or defined is stored. Closing a period closes all before it that nobody touched, so what
was reported for a closed period can not change through an older one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from tandem_finance_posting.domain.errors import PeriodDefinitionInvalid, PeriodShut

PERIOD_DAYS_MAX = 400
"""Of one defined period; a calendar year with room for a 53rd week."""
_DAY = timedelta(days=1)


class PeriodState(StrEnum):
    """Life of a period; LOCKED is the end."""

    FUTURE = "FUTURE"
    OPEN = "OPEN"
    SOFT_CLOSED = "SOFT_CLOSED"
    """Takes approved adjustments only."""
    CLOSED = "CLOSED"
    LOCKED = "LOCKED"


_SHUT = (PeriodState.CLOSED, PeriodState.LOCKED)


@dataclass(frozen=True)
class Period:
    """Days ``first`` to ``last``, both inside.

    A stored period without ``state`` follows the calendar: open once it has begun, and closed with
    a later one. A period that was opened again is OPEN by itself.
    """

    code: str
    first: date
    last: date
    state: PeriodState | None = None

    def holds(self, day: date) -> bool:
        """True when the day is one of the period's."""
        return self.first <= day <= self.last

    @property
    def days(self) -> int:
        """Number of its days."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Placement:
    """The day an event counts on, and why it is another than the day it happened."""

    accounting_date: date
    late_reason: str = ""
    """Empty when both days are the same."""


class PeriodCalendar:
    """The periods of one ledger (entity and book). Built from the stored periods only."""

    def __init__(self, stored: Iterable[Period] = ()) -> None:
        self._stored = sorted(stored, key=lambda period: period.first)
        self._firsts = [period.first for period in self._stored]
        self._locked_before = _last_begin(self._stored, (PeriodState.LOCKED,))
        self._closed_before = _last_begin(self._stored, _SHUT)
        self._soft_before = _last_begin(self._stored, (*_SHUT, PeriodState.SOFT_CLOSED))

    @property
    def stored(self) -> tuple[Period, ...]:
        """What was defined or changed, in order."""
        return tuple(self._stored)

    def place(self, original: date, today: date, *, adjustment: bool = False) -> Placement | None:
        """The day an event of ``original`` counts on.

        A closed period sends it to the first day of the next open one. None when its day lies in a
        future period, or when every period up to today's is closed: the event waits (gate G6).
        """
        period = self.period_of(original, today)
        if period.state is PeriodState.FUTURE:
            return None
        if _takes(period, adjustment):
            return Placement(original)
        for later in self._after(period, today):
            if later.state is PeriodState.FUTURE:
                return None
            if _takes(later, adjustment):
                days = (later.first - original).days
                reason = f"period {period.code} is {period.state}; {days} days late"
                return Placement(later.first, reason)
        return None

    def check_takes(self, day: date, today: date, *, adjustment: bool = False) -> None:
        """Raises PeriodShut when no journal may be put on that very day."""
        period = self.period_of(day, today)
        if not _takes(period, adjustment):
            raise PeriodShut(period.code, str(period.state), day.isoformat())

    def period_of(self, day: date, today: date) -> Period:
        """The period that holds a day, with its state as of today."""
        place = bisect_right(self._firsts, day) - 1
        if place >= 0 and self._stored[place].holds(day):
            found = self._stored[place]
        else:
            found = self._month(day, place)
        return replace(found, state=self._state(found, today))

    def periods(self, first: date, last: date, today: date) -> Iterator[Period]:
        """The periods that hold the days of a range, in order."""
        period = self.period_of(first, today)
        yield period
        while period.last < last:
            period = self.period_of(period.last + _DAY, today)
            yield period

    def named(self, code: str, today: date) -> Period | None:
        """The period of a code, with its state as of today; None when there is none."""
        for period in self._stored:
            if period.code == code:
                return self.period_of(period.first, today)
        return self._named_month(code, today)

    def before(self, period: Period) -> tuple[Period, ...]:
        """Stored periods before one that have a state of their own."""
        return tuple(p for p in self._stored if p.first < period.first and p.state is not None)

    def with_period(self, period: Period) -> PeriodCalendar:
        """The calendar after a period was stored or changed."""
        return PeriodCalendar([*(p for p in self._stored if p.first != period.first), period])

    def _named_month(self, code: str, today: date) -> Period | None:
        try:
            first = date.fromisoformat(f"{code}-01")
        except ValueError:
            return None
        # A defined calendar may cut a month: what is left of it begins or ends elsewhere.
        for day in (first, _month_end(first)):
            found = self.period_of(day, today)
            if found.code == code:
                return found
        return None

    def _after(self, period: Period, today: date) -> Iterator[Period]:
        """The periods behind one; each that is not open is stored or before a stored one, so the
        end is near."""
        while period.last < date.max:
            period = self.period_of(period.last + _DAY, today)
            yield period

    def _month(self, day: date, place: int) -> Period:
        """The part of the day's month that no stored period holds; ``place`` is the stored one
        before it, -1 without one."""
        first, last = day.replace(day=1), _month_end(day)
        if place >= 0:
            first = max(first, self._stored[place].last + _DAY)
        if place + 1 < len(self._stored):
            last = min(last, self._stored[place + 1].first - _DAY)
        return Period(f"{day:%Y-%m}", first, last)

    def _state(self, period: Period, today: date) -> PeriodState:
        if period.state is not None:
            return period.state
        if period.first < self._locked_before:
            return PeriodState.LOCKED
        if period.first < self._closed_before:
            return PeriodState.CLOSED
        if period.first < self._soft_before:
            return PeriodState.SOFT_CLOSED
        return PeriodState.OPEN if period.first <= today else PeriodState.FUTURE


def check_definition(calendar: PeriodCalendar, defined: Sequence[Period]) -> None:
    """Raises PeriodDefinitionInvalid for periods that leave days between them, meet stored ones,
    repeat a code or cut a month into two parts of the same name."""
    ordered = sorted(defined, key=lambda period: period.first)
    for period in ordered:
        if period.last < period.first or period.days > PERIOD_DAYS_MAX:
            raise PeriodDefinitionInvalid(
                period.code, f"ends before it begins or is longer than {PERIOD_DAYS_MAX} days"
            )
    for before, after in pairwise(ordered):
        if before.last + _DAY != after.first:
            raise PeriodDefinitionInvalid(after.code, f"does not begin behind {before.code}")
    together = [*calendar.stored, *ordered]
    _check_codes(together)
    _check_disjoint(together)


def _check_codes(periods: Sequence[Period]) -> None:
    seen: set[str] = set()
    for period in periods:
        if period.code in seen:
            raise PeriodDefinitionInvalid(period.code, "is the code of another period")
        seen.add(period.code)
        if _is_month(period.code) and period.code not in _months(period):
            raise PeriodDefinitionInvalid(period.code, "names a month that is not the period's")


def _check_disjoint(periods: Sequence[Period]) -> None:
    runs: list[Period] = []
    for period in sorted(periods, key=lambda item: item.first):
        if runs and period.first <= runs[-1].last:
            raise PeriodDefinitionInvalid(period.code, f"overlaps {runs[-1].code}")
        if runs and runs[-1].last + _DAY == period.first:
            runs[-1] = replace(period, first=runs[-1].first)
        else:
            runs.append(period)
    for run in runs:
        inside = run.first.day > 1 and run.last < _month_end(run.first)
        if inside:
            raise PeriodDefinitionInvalid(run.code, "cuts a month into two parts of one name")


def _takes(period: Period, adjustment: bool) -> bool:
    if period.state is PeriodState.SOFT_CLOSED:
        return adjustment
    return period.state is PeriodState.OPEN


def _last_begin(periods: Iterable[Period], states: Sequence[PeriodState]) -> date:
    return max((p.first for p in periods if p.state in states), default=date.min)


def _month_end(day: date) -> date:
    following = day.replace(day=28) + timedelta(days=4)
    return following - timedelta(days=following.day)


def _is_month(code: str) -> bool:
    try:
        date.fromisoformat(f"{code}-01")
    except ValueError:
        return False
    return True


def _months(period: Period) -> set[str]:
    days = (period.first, period.first + (period.last - period.first) / 2, period.last)
    return {f"{day:%Y-%m}" for day in days}
