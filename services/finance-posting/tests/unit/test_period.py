"""Periods: every day has one, closed ones take nothing, the day it happened stays."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.domain.errors import PeriodDefinitionInvalid, PeriodShut
from tandem_finance_posting.domain.period import (
    Period,
    PeriodCalendar,
    PeriodState,
    Placement,
    check_definition,
)

TODAY = date(2026, 3, 20)
FUTURE, OPEN, SOFT, CLOSED, LOCKED = PeriodState
DAYS = st.dates(date(2025, 1, 1), date(2027, 6, 30))
CHANGED = st.dictionaries(
    st.integers(0, 17), st.sampled_from([None, OPEN, SOFT, CLOSED, LOCKED]), max_size=8
)


def month(code: str, state: PeriodState | None) -> Period:
    first = date.fromisoformat(f"{code}-01")
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return Period(code, first, last, state)


def months(changed: dict[int, PeriodState | None]) -> PeriodCalendar:
    return PeriodCalendar(
        month(f"{2025 + n // 12}-{n % 12 + 1:02}", state) for n, state in changed.items()
    )


def weeks_4_4_5(first: date) -> list[Period]:
    """One year of 4-4-5 weeks."""
    periods = []
    for number in range(12):
        last = first + timedelta(weeks=5 if number % 3 == 2 else 4, days=-1)
        periods.append(Period(f"FY26-P{number + 1:02}", first, last))
        first = last + timedelta(days=1)
    return periods


def test_a_calendar_nobody_touched_is_open_up_to_this_month_and_future_after_it() -> None:
    calendar = PeriodCalendar()
    assert calendar.period_of(date(2026, 3, 31), TODAY) == month("2026-03", OPEN)
    assert calendar.period_of(date(2026, 4, 1), TODAY) == month("2026-04", FUTURE)
    assert calendar.period_of(date(2024, 2, 29), TODAY) == month("2024-02", OPEN)
    assert calendar.place(date(2026, 4, 1), TODAY) is None
    assert calendar.place(date(2026, 1, 9), TODAY) == Placement(date(2026, 1, 9))


def test_an_event_of_a_closed_period_counts_on_the_first_day_of_the_next_open_one() -> None:
    calendar = PeriodCalendar([month("2026-01", CLOSED), month("2026-02", LOCKED)])
    placed = calendar.place(date(2026, 1, 30), TODAY)
    assert placed == Placement(date(2026, 3, 1), "period 2026-01 is CLOSED; 30 days late")


def test_an_event_waits_when_every_period_up_to_today_is_closed() -> None:
    calendar = PeriodCalendar([month("2026-03", CLOSED)])
    assert calendar.place(date(2026, 3, 5), TODAY) is None
    assert calendar.place(date(2026, 3, 5), date(2026, 4, 1)) == Placement(
        date(2026, 4, 1), "period 2026-03 is CLOSED; 27 days late"
    )


def test_a_soft_closed_period_takes_adjustments_only() -> None:
    calendar = PeriodCalendar([month("2026-02", SOFT)])
    day = date(2026, 2, 27)
    assert calendar.place(day, TODAY, adjustment=True) == Placement(day)
    placed = calendar.place(day, TODAY)
    assert placed is not None
    assert placed.accounting_date == date(2026, 3, 1)
    with pytest.raises(PeriodShut) as refused:
        calendar.check_takes(day, TODAY)
    assert (refused.value.period, refused.value.state) == ("2026-02", "SOFT_CLOSED")
    calendar.check_takes(day, TODAY, adjustment=True)


def test_closing_a_period_closes_what_lies_before_it_but_not_what_was_opened_again() -> None:
    calendar = PeriodCalendar([month("2026-02", CLOSED), month("2025-11", OPEN)])
    assert calendar.period_of(date(2026, 1, 1), TODAY).state is CLOSED
    assert calendar.period_of(date(2019, 7, 1), TODAY).state is CLOSED
    assert calendar.period_of(date(2025, 11, 9), TODAY).state is OPEN


def test_own_periods_replace_months_and_cut_those_at_their_ends() -> None:
    calendar = PeriodCalendar(weeks_4_4_5(date(2025, 12, 29)))
    assert calendar.period_of(date(2026, 1, 26), TODAY).code == "FY26-P02"
    before = calendar.period_of(date(2025, 12, 3), TODAY)
    assert (before.code, before.last) == ("2025-12", date(2025, 12, 28))
    after = calendar.period_of(date(2026, 12, 31), TODAY)
    assert (after.code, after.first) == ("2026-12", date(2026, 12, 28))
    assert calendar.named("2026-12", TODAY) == after
    assert calendar.named("2025-12", TODAY) == before
    assert calendar.named("2026-06", TODAY) is None
    assert calendar.named("FY26-P12", TODAY) == calendar.period_of(date(2026, 12, 27), TODAY)


@given(CHANGED, DAYS, DAYS, st.booleans())
def test_no_event_is_ever_placed_in_a_period_that_does_not_take_it(
    changed: dict[int, PeriodState | None], original: date, today: date, adjustment: bool
) -> None:
    calendar = months(changed)
    placed = calendar.place(original, today, adjustment=adjustment)
    if placed is None:
        later = calendar.periods(original, max(original, today), today)
        takes = {OPEN, SOFT} if adjustment else {OPEN}
        assert not takes & {period.state for period in later if period.first >= original}
        return
    state = calendar.period_of(placed.accounting_date, today).state
    assert state is OPEN or (adjustment and state is SOFT)
    assert placed.accounting_date >= original
    assert (placed.late_reason == "") == (placed.accounting_date == original)


@given(CHANGED, DAYS, DAYS)
def test_periods_follow_each_other_without_gap_or_overlap(
    changed: dict[int, PeriodState | None], first: date, last: date
) -> None:
    calendar = months(changed)
    found = list(calendar.periods(min(first, last), max(first, last), TODAY))
    for before, after in pairwise(found):
        assert before.last + timedelta(days=1) == after.first
    assert found[0].holds(min(first, last))
    assert found[-1].holds(max(first, last))
    assert all(calendar.named(period.code, TODAY) == period for period in found)


WRONG = {
    "leaves days out": [
        Period("A", date(2026, 1, 1), date(2026, 1, 31)),
        Period("B", date(2026, 2, 2), date(2026, 2, 28)),
    ],
    "ends before it begins": [Period("A", date(2026, 2, 1), date(2026, 1, 31))],
    "is longer than a period may be": [Period("A", date(2026, 1, 1), date(2027, 12, 31))],
    "has the name of another": [
        Period("A", date(2026, 1, 1), date(2026, 1, 31)),
        Period("A", date(2026, 2, 1), date(2026, 2, 28)),
    ],
    "meets one that is stored": [Period("A", date(2025, 10, 20), date(2025, 11, 20))],
    "cuts a month in two": [Period("A", date(2026, 1, 10), date(2026, 1, 20))],
    "is named like another month": [Period("2026-09", date(2026, 1, 1), date(2026, 1, 31))],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_periods_no_calendar_can_hold_are_refused(wrong: str) -> None:
    calendar = PeriodCalendar([month("2025-11", CLOSED)])
    with pytest.raises(PeriodDefinitionInvalid):
        check_definition(calendar, WRONG[wrong])


def test_a_year_of_4_4_5_weeks_is_a_calendar() -> None:
    check_definition(PeriodCalendar([month("2025-11", CLOSED)]), weeks_4_4_5(date(2025, 12, 29)))
