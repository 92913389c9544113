"""Numbers of a source: what is missing is exactly what neither came nor is void."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.domain.errors import SourceSequenceConflict
from tandem_finance_posting.domain.source_sequence import (
    NumbersOfSource,
    NumberSource,
    SourceKind,
    check_declaration,
    count,
)

NUMBERS = st.sets(st.integers(1, 30))
DAY = date(2026, 3, 2)


def ranges(numbers: set[int]) -> list[tuple[int, int]]:
    """Runs of numbers, not touching."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


@given(NUMBERS, NUMBERS, st.one_of(st.none(), st.integers(0, 35)))
def test_missing_is_what_neither_came_nor_is_void_up_to_the_highest_known(
    seen: set[int], voided: set[int], declared: int | None
) -> None:
    known = NumbersOfSource(ranges(seen), ranges(voided), declared)
    end = max(max(seen, default=0), declared or 0)
    expected = set(range(1, end + 1)) - seen - voided
    assert known.missing() == ranges(expected)
    assert count(known.missing()) == len(expected)


def test_a_last_number_below_one_that_came_or_was_declared_is_refused() -> None:
    known = NumbersOfSource([(1, 7)], [], 9)
    check_declaration("S1", known, 9)
    check_declaration("S1", known, 12)
    with pytest.raises(SourceSequenceConflict) as refused:
        check_declaration("S1", known, 8)
    assert refused.value.known == 9


def test_no_two_registers_share_a_name() -> None:
    one = NumberSource(SourceKind.REGISTER, "US01", DAY, store="S/1", register="2")
    other = NumberSource(SourceKind.REGISTER, "US01", DAY, store="S", register="1/2")
    assert one.name != other.name
    assert NumberSource(SourceKind.STREAM, "US01", DAY, stream="S/1").name not in (
        one.name,
        other.name,
    )
