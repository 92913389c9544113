"""What is a break, what may still wait, and how a case closes itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_reconciliation.domain.checkpoint import (
    Break,
    Materiality,
    Severity,
    Windows,
    checkpoint_of,
    checkpoints,
    judge,
)
from tandem_reconciliation.domain.errors import CheckpointUnknown
from tandem_reconciliation.domain.exception_case import CaseState, update_cases
from tandem_reconciliation.domain.observation import Group, SideTotal

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KNOWN = checkpoints(Windows())
PAYMENTS = checkpoint_of("C5", KNOWN)
BOOKS = checkpoint_of("C3", KNOWN)


def side(amount: int, age: timedelta = timedelta()) -> SideTotal:
    return SideTotal(amount, 1, NOW - age, "detail")


def group(left: SideTotal | None, right: SideTotal | None, currency: str = "USD") -> Group:
    return Group("key", currency, "", "", left, right)


def breaks(checkpoint_id: str, item: Group) -> list[str]:
    verdict = judge(checkpoint_of(checkpoint_id, KNOWN), [item], Materiality(), NOW)
    return [found.type for found in verdict.breaks]


def test_a_capture_the_provider_alone_knows_is_a_break_once_our_own_events_had_time() -> None:
    assert breaks("C5", group(None, side(100, timedelta(seconds=6)))) == ["UNKNOWN_IN_SETTLEMENT"]
    assert breaks("C5", group(None, side(100, timedelta(seconds=4)))) == []


def test_a_capture_the_provider_has_not_listed_waits_for_its_settlement() -> None:
    assert breaks("C5", group(side(100, timedelta(days=4)), None)) == []
    assert breaks("C5", group(side(100, timedelta(days=6)), None)) == ["MISSING_IN_SETTLEMENT"]


def test_two_amounts_for_one_payment_are_a_break_at_once() -> None:
    assert breaks("C5", group(side(100), side(101))) == ["AMOUNT_MISMATCH"]


def test_an_event_with_two_journals_was_posted_twice() -> None:
    assert breaks("C3", group(side(1), side(2), currency="")) == ["POSTED_TWICE"]


def test_an_unposted_event_weighs_at_least_medium() -> None:
    old = side(1, timedelta(hours=1))
    found = judge(BOOKS, [group(old, None, currency="")], Materiality(), NOW).breaks[0]
    assert (found.type, found.severity) == ("UNPOSTED", Severity.MEDIUM)


@given(amount=st.integers(min_value=0, max_value=10**9))
def test_a_larger_amount_never_weighs_less(amount: int) -> None:
    order = list(Severity)
    scale = Materiality(1_000_000)
    assert order.index(scale.severity(amount)) <= order.index(scale.severity(amount + 1))
    assert scale.severity(amount) == scale.severity(-amount)


def test_an_unknown_checkpoint_is_named() -> None:
    with pytest.raises(CheckpointUnknown) as refused:
        checkpoint_of("C99", KNOWN)
    assert refused.value.checkpoint == "C99"


def found(key: str = "cap_1") -> Break:
    return Break("UNKNOWN_IN_SETTLEMENT", key, 100, "USD", "", "", "", "", Severity.LOW)


def test_the_same_break_found_again_is_the_same_exception() -> None:
    first = update_cases("t", "C5", [found()], {}, NOW)
    known = {case.id: case for case in first.opened}
    second = update_cases("t", "C5", [found()], known, NOW + timedelta(hours=1))
    assert second.opened == ()
    assert [case.id for case in second.seen] == list(known)
    assert second.seen[0].opened_at == NOW


def test_a_break_that_is_gone_resolves_its_exception_and_a_return_opens_it_again() -> None:
    opened = update_cases("t", "C5", [found()], {}, NOW).opened[0]
    resolved = update_cases("t", "C5", [], {opened.id: opened}, NOW).resolved[0]
    assert resolved.state is CaseState.AUTO_RESOLVED
    again = update_cases("t", "C5", [found()], {resolved.id: resolved}, NOW).opened[0]
    assert (again.id, again.version) == (opened.id, 3)


def test_a_resolved_exception_is_not_resolved_again() -> None:
    opened = update_cases("t", "C5", [found()], {}, NOW).opened[0]
    resolved = update_cases("t", "C5", [], {opened.id: opened}, NOW).resolved[0]
    assert update_cases("t", "C5", [], {resolved.id: resolved}, NOW).resolved == ()
