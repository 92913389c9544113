"""Ids rise, stay unique and come out the same where they must."""

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from tandem_core.clock import FixedClock, SystemClock
from tandem_core.ids import SequentialIds, Uuid7Factory, deterministic_id

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_new_id_is_a_version_7_uuid_of_the_present_millisecond() -> None:
    made = uuid.UUID(Uuid7Factory(FixedClock(START)).new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(START.timestamp() * 1000)


@given(st.lists(st.integers(-5, 5), max_size=60))
def test_ids_rise_even_when_the_clock_goes_back(steps: list[int]) -> None:
    clock = FixedClock(START)
    factory = Uuid7Factory(clock)
    made = [factory.new_id()]
    for seconds in steps:
        clock.advance(seconds)
        made.append(factory.new_id())
    assert made == sorted(set(made))


def test_ten_thousand_ids_of_one_instant_differ() -> None:
    factory = Uuid7Factory(FixedClock(START))
    assert len({factory.new_id() for _ in range(10_000)}) == 10_000


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_a_deterministic_id_depends_on_every_part(left: list[str], right: list[str]) -> None:
    assert (deterministic_id(*left) == deterministic_id(*right)) == (left == right)


def test_a_deterministic_id_never_changes_between_releases() -> None:
    # Stored events carry these ids: another algorithm would publish every event once more.
    assert deterministic_id("order", "1") == "54c573e0-7a4a-5671-a136-0b1a7d555262"
    assert deterministic_id("ab", "c") != deterministic_id("a", "bc")


def test_sequential_ids_repeat_from_run_to_run() -> None:
    one, other = SequentialIds("a"), SequentialIds("a")
    assert [one.new_id(), one.new_id()] == [other.new_id(), other.new_id()]


def test_the_system_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == START.utcoffset()
