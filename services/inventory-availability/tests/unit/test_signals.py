"""Stock by signals depends on which signals there are, not on their order or repetition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_inventory_availability.domain.sequence_set import RANGES_MAX, SequenceSet
from tandem_inventory_availability.domain.shipment_evidence import EvidenceKey, ShipmentEvidence
from tandem_inventory_availability.domain.stock_position import Bucket, Movement, StockKey
from tandem_inventory_availability.domain.stock_signal import SignalOutcome, StockSignal
from tandem_inventory_availability.domain.taking_signals import take_all

from .signals_under_test import DELTA, NOW, SNAPSHOT, WMS, A, B, empty, said, stand


@st.composite
def streams(draw: st.DrawFn) -> list[StockSignal]:
    """One signal per number, some numbers missing; a snapshot counts both positions."""
    made: list[StockSignal] = []
    for sequence in range(1, draw(st.integers(1, 9)) + 1):
        what = draw(st.sampled_from(["delta", "delta", "delta", "snapshot", "missing"]))
        key = draw(st.sampled_from([A, B]))
        if what == "delta":
            made.append(said(sequence, DELTA, draw(st.integers(-5, 5)), key))
        elif what == "snapshot":
            made += [said(sequence, SNAPSHOT, draw(st.integers(0, 9)), k) for k in (A, B)]
    return made


def expected(signals: Sequence[StockSignal], key: StockKey) -> int:
    """Value = S + deltas after it, less the positive ones something is missing before."""
    mine = [s for s in signals if s.key == key]
    counted = max((s.sequence for s in mine if s.kind is SNAPSHOT), default=0)
    value = sum(s.quantity for s in mine if s.kind is SNAPSHOT and s.sequence == counted)
    seen = {s.sequence for s in signals}
    for signal in mine:
        if signal.kind is DELTA and signal.sequence > counted:
            complete = all(n in seen for n in range(counted + 1, signal.sequence))
            value += signal.quantity if complete or signal.quantity < 0 else 0
    return value


@settings(max_examples=300, deadline=None)
@given(streams(), st.data())
def test_any_order_and_repetition_of_signals_ends_in_the_same_stock(
    signals: list[StockSignal], data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(signals), max_size=4)) if signals else []
    order = data.draw(st.permutations([*signals, *repeats]))
    book = empty()
    # In batches of one, as calls; within a batch gaps are closed at its end.
    size = data.draw(st.integers(1, 4))
    for start in range(0, len(order), size):
        take_all(book, order[start : start + size])
    assert [on_hand for on_hand, _ in stand(book)] == [expected(signals, k) for k in (A, B)]
    straight = empty()
    take_all(straight, signals)
    assert stand(book) == stand(straight)


@settings(max_examples=200, deadline=None)
@given(streams(), st.data())
def test_nothing_is_promised_that_a_missing_signal_could_take(
    signals: list[StockSignal], data: st.DataObject
) -> None:
    """Removing one negative delta never makes the stock larger than with it by more than itself,
    and a later receipt is not counted while it is missing."""
    taken = [s for s in signals if s.kind is DELTA and s.quantity < 0]
    if not taken:
        return
    missing = data.draw(st.sampled_from(taken))
    book = empty()
    take_all(book, [s for s in signals if s is not missing])
    for feed in book.feeds.values():
        for held in feed.held.values():
            assert held.quantity > 0
            assert not feed.complete_before(0, held.sequence, book.streams[WMS].seen)


@given(st.lists(st.integers(0, 40), max_size=40))
def test_a_sequence_set_is_a_set(numbers: list[int]) -> None:
    numbers_seen = SequenceSet()
    known: set[int] = set()
    for number in numbers:
        assert numbers_seen.add(number) is (number not in known)
        known.add(number)
    covered = [n for low, high in numbers_seen.ranges for n in range(low, high + 1)]
    assert covered == sorted(known)
    for after in range(0, 41, 3):
        for before in range(after, 42, 4):
            complete = all(n in known for n in range(after + 1, before))
            assert numbers_seen.complete_between(after, before) is complete


def test_a_sequence_set_is_bounded_and_never_calls_a_lost_number_seen() -> None:
    numbers = SequenceSet()
    for number in range(1, 4 * RANGES_MAX, 2):
        numbers.add(number)
    assert len(numbers.ranges) <= RANGES_MAX
    assert numbers.lost > 0
    top = numbers.highest
    # A figure from before a lost number is not complete after it; one from after it is.
    assert not numbers.complete_between(0, numbers.lost + 1)
    assert not numbers.complete_between(numbers.lost - 1, top)
    numbers.add(top - 1)
    assert numbers.complete_between(top - 2, top + 1)


def test_a_conflict_books_nothing_and_keeps_the_first() -> None:
    book = empty()
    results = take_all(
        book,
        [
            said(1, SNAPSHOT, 5),
            said(1, SNAPSHOT, 6),
            said(1, SNAPSHOT, 4, B),
            said(1, DELTA, 1),
            said(2, DELTA, 1),
            said(2, DELTA, 1, B),
        ],
    )
    assert [result.outcome for result in results] == [
        SignalOutcome.APPLIED,
        SignalOutcome.CONFLICT,
        SignalOutcome.APPLIED,
        SignalOutcome.CONFLICT,
        SignalOutcome.APPLIED,
        SignalOutcome.CONFLICT,
    ]
    assert stand(book) == [(6, False), (4, False)]


def test_a_snapshot_of_one_sku_does_not_vouch_for_another() -> None:
    book = empty()
    take_all(book, [said(2, SNAPSHOT, 5, A), said(3, DELTA, 4, B)])
    assert stand(book) == [(5, False), (0, True)]
    take_all(book, [said(1, DELTA, -2, B)])
    assert stand(book) == [(5, False), (2, False)]


def test_the_figure_out_of_range_is_refused_and_leaves_the_rest() -> None:
    book = empty()
    results = take_all(book, [said(1, SNAPSHOT, 2**63 - 1), said(2, DELTA, 3, B)])
    assert [r.reason for r in results] == ["QUANTITY_OUT_OF_RANGE", ""]
    assert book.stock.positions[A].on_hand == 0


@given(st.permutations([("ship", 2), ("ship", 3), ("left", 4), ("left", 1), ("left", 2)]))
def test_evidence_matches_each_unit_once(order: list[tuple[str, int]]) -> None:
    evidence = ShipmentEvidence(EvidenceKey("S", A))
    settled = 0
    for what, quantity in order:
        if what == "ship":
            settled += evidence.ship("r", f"l{quantity}", quantity)
        else:
            settled += sum(claim.settled for claim in evidence.evidence(quantity))
    assert settled == 5
    assert sum(claim.settled for claim in evidence.claims) == 5
    assert all(claim.settled == claim.shipped for claim in evidence.claims)


def test_each_count_of_a_batch_keeps_the_sales_after_its_own_time() -> None:
    book = empty()
    position = book.stock.positions[A]
    for second in (1, 4):
        sold_at = NOW + timedelta(seconds=second, milliseconds=500)
        position.book(
            Movement(Bucket.SELLABLE, Bucket.OUTSIDE, 1, "SALE", "R", sold_at, local=True)
        )
        left, to = Bucket.SELLABLE, Bucket.OUTSIDE
        book.local.setdefault(A, []).append((sold_at, left, to, 1))
    take_all(book, [said(1, SNAPSHOT, 10)])
    assert (position.on_hand, position.local_net) == (8, -2)
    take_all(book, [said(3, SNAPSHOT, 9)])
    assert (position.on_hand, position.local_net) == (8, -1)


def test_ledger_buckets_balance_with_the_outside() -> None:
    book = empty()
    take_all(book, [said(1, SNAPSHOT, 5), said(2, DELTA, -2), said(3, DELTA, 4)])
    position = book.stock.positions[A]
    inside = sum(entry.movement.sellable_change for entry in position.entries)
    assert inside == position.buckets[Bucket.SELLABLE] == 7
    assert {e.movement.from_bucket for e in position.entries} == {Bucket.OUTSIDE, Bucket.SELLABLE}


@given(st.lists(st.integers(0, 40), max_size=40))
def test_a_number_that_may_not_be_contained_was_never_added(numbers: list[int]) -> None:
    seen = SequenceSet()
    for number in numbers:
        seen.add(number)
    assert [n for n in range(42) if seen.may_contain(n)] == sorted(set(numbers))
