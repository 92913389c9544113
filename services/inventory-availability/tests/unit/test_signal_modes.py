"""Sequencings other than numbers, who owns what, and how long a source is fresh."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tandem_core.errors import DomainError
from tandem_inventory_availability.domain.signal_errors import (
    OwnershipOverlaps,
)
from tandem_inventory_availability.domain.signal_source import (
    InstantRule,
    Ownership,
    Sequencing,
    SignalSource,
    SourceRegistry,
    check_ownership,
)
from tandem_inventory_availability.domain.stock_position import Bucket
from tandem_inventory_availability.domain.stock_signal import SignalOutcome

from .signals_under_test import (
    DAMAGED,
    DELTA,
    NOW,
    POS,
    SELLABLE,
    SNAPSHOT,
    WMS,
    A,
    empty,
    one,
    said,
    source,
    stand,
)

Outcome = SignalOutcome
VERSION, TIME, NONE = Sequencing.VERSION, Sequencing.TIME, Sequencing.NONE


def test_of_versions_the_greatest_wins_and_equal_ones_are_told_apart_by_content() -> None:
    figures = [said(3, SNAPSHOT, 7), said(2, SNAPSHOT, 9), said(3, SNAPSHOT, 8)]
    stands = set()
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        book = empty((WMS, source(VERSION)))
        results = [one(book, figures[n]) for n in order]
        assert {r.outcome for r in results} <= {Outcome.APPLIED, Outcome.STALE}
        assert one(book, figures[0]).outcome is Outcome.DUPLICATE
        stands.add(stand(book)[0])
    assert len(stands) == 1
    book = empty((WMS, source(VERSION)))
    assert one(book, said(1, DELTA, 1)).reason == "SIGNAL_UNSUITABLE"
    assert one(book, said(0, SNAPSHOT, 1)).field == "sequence"


@pytest.mark.parametrize(
    ("rule", "taken", "given"),
    [
        (InstantRule.INCLUDED, 10, 10),
        (InstantRule.EXCLUDED, 8, 13),
        (InstantRule.AMBIGUOUS, 8, 10),
    ],
)
def test_at_the_instant_of_a_count_the_source_says_what_it_contains(
    rule: InstantRule, taken: int, given: int
) -> None:
    for quantity, expected in ((-2, taken), (3, given)):
        signals = [said(0, SNAPSHOT, 10, at=NOW), said(0, DELTA, quantity, at=NOW, tie="m-1")]
        for order in (signals, signals[::-1]):
            book = empty((WMS, source(TIME, instant_rule=rule)))
            results = [one(book, signal) for signal in order]
            assert stand(book)[0] == (expected, False)
            asked = book.recounts.get((A, SELLABLE), "")
            assert asked == ("AMBIGUOUS" if rule is InstantRule.AMBIGUOUS else "")
            assert results[-1].ambiguous is (rule is InstantRule.AMBIGUOUS)


def test_by_time_a_signal_is_known_by_its_id_or_by_what_it_says() -> None:
    book = empty((WMS, source(TIME)))
    one(book, said(0, DELTA, 5, at=NOW, tie="m-1"))
    assert one(book, said(0, DELTA, 5, at=NOW, tie="m-1")).outcome is Outcome.DUPLICATE
    assert one(book, said(0, DELTA, 6, at=NOW, tie="m-1")).outcome is Outcome.CONFLICT
    assert one(book, said(0, DELTA, 5, at=NOW)).outcome is Outcome.APPLIED
    assert one(book, said(0, DELTA, 5, at=NOW)).outcome is Outcome.DUPLICATE
    assert stand(book)[0] == (10, False)


def test_without_any_order_the_order_of_arrival_counts_and_the_source_is_never_fresh() -> None:
    book = empty((WMS, source(NONE)))
    later, earlier = said(0, SNAPSHOT, 7, at=NOW), said(0, SNAPSHOT, 9, at=NOW - timedelta(hours=1))
    assert [one(book, s).outcome for s in (later, earlier, later)] == [
        Outcome.APPLIED,
        Outcome.APPLIED,
        Outcome.DUPLICATE,
    ]
    one(book, said(0, DELTA, -1, at=NOW))
    assert stand(book)[0] == (8, False)
    position = book.stock.positions[A]
    assert position.stale_at is not None
    assert position.stale_at <= NOW


def test_the_owner_keeps_a_position_fresh_for_as_long_as_it_promised() -> None:
    book = empty((WMS, source(freshness_slo=timedelta(hours=1))), (POS, source(owns=())))
    one(book, said(1, SNAPSHOT, 5, at=NOW))
    one(book, said(1, DELTA, -1, source=POS, at=NOW + timedelta(minutes=30)))
    assert book.stock.positions[A].stale_at == NOW + timedelta(hours=1)


def owner(name: str, *places: str, states: frozenset[Bucket] = frozenset()) -> SignalSource:
    return SignalSource(name, owns=tuple(Ownership(place, states) for place in places))


@pytest.mark.parametrize(
    ("mine", "theirs", "clash"),
    [
        ("DC-1", "DC-1", True),
        ("DC-1", "DC-2", False),
        ("*", "DC-2", True),
        ("STORE-*", "STORE-101", True),
        ("STORE-101", "STORE-*", True),
        ("STORE-1*", "STORE-*", True),
        ("STORE-*", "DC-*", False),
    ],
)
def test_two_sources_cannot_own_one_place(mine: str, theirs: str, clash: bool) -> None:
    if not clash:
        check_ownership([owner("a", theirs)], [owner("b", mine)])
        return
    with pytest.raises(OwnershipOverlaps) as refused:
        check_ownership([owner("a", theirs)], [owner("b", mine)])
    assert refused.value.field == "sources[0].owns[0]"


def test_two_sources_may_own_different_states_of_one_place() -> None:
    sellable, damaged = frozenset({SELLABLE}), frozenset({DAMAGED})
    check_ownership([owner("a", "*", states=sellable)], [owner("b", "*", states=damaged)])
    with pytest.raises(DomainError):
        check_ownership([owner("a", "*", states=sellable)], [owner("b", "*")])


def test_the_exact_source_wins_over_the_connection() -> None:
    sources = [SignalSource("wms/dc-1"), SignalSource("wms/*"), SignalSource("pos/*")]
    registry = SourceRegistry({s.id: s for s in sources})
    found = {name: registry.of(name) for name in ("wms/dc-1", "wms/dc-2", "wms/a/b", "erp/x")}
    assert {name: s.id if s else "" for name, s in found.items()} == {
        "wms/dc-1": "wms/dc-1",
        "wms/dc-2": "wms/*",
        "wms/a/b": "wms/*",
        "erp/x": "",
    }
