"""What signals do to figures: counts set them, movements change them, a gap makes some wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tandem_inventory_availability.domain.shipment_evidence import EvidenceKey
from tandem_inventory_availability.domain.shipping import settle
from tandem_inventory_availability.domain.signal_book import AMBIGUOUS, SignalBook, Variance
from tandem_inventory_availability.domain.signal_source import InstantRule
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_feed import Change, Cover, FeedKey, StockFeed
from tandem_inventory_availability.domain.stock_position import (
    Bucket,
    Movement,
    StockKey,
    StockPosition,
)
from tandem_inventory_availability.domain.stock_signal import (
    BOOKED,
    Rank,
    SignalKind,
    SignalOutcome,
    SourceKey,
    StockSignal,
)

Outcome = tuple[SignalOutcome, bool]
"""What became of a signal, and whether it was counted on the safe side."""

_WEIGHT = [
    SignalOutcome.SUPERSEDED,
    SignalOutcome.APPLIED,
    SignalOutcome.APPLIED_WITH_GAP,
    SignalOutcome.HELD_BACK,
]
"""Of the two legs of a move, the outcome that says more is the move's."""


def apply_count(
    book: SignalBook, stream: SourceStream, signal: StockSignal, position: StockPosition
) -> Outcome:
    """A count replaces everything it contains; what comes later stays on top of it."""
    feed = book.feed_of(signal)
    if feed.base.own and signal.rank <= feed.base.rank:
        book.journal(stream, signal, SignalOutcome.STALE)
        return SignalOutcome.STALE, False
    base = stream.own_base(signal)
    ambiguous = feed.unplaced(base)
    book.let_go += feed.rebase(base, signal.quantity)
    feed.cover = Cover(signal.micros, signal.covers)
    for other in book.others(signal):
        if not book.still_owns(other):
            ambiguous = _cover(book, feed.cover, other) or ambiguous
    if ambiguous:
        book.recounts[signal.key, signal.state] = AMBIGUOUS
    _book_count(book, signal, position)
    book.journal(stream, signal, SignalOutcome.APPLIED, ambiguous=ambiguous)
    return SignalOutcome.APPLIED, ambiguous


def _cover(book: SignalBook, cover: Cover, other: StockFeed) -> bool:
    source = other.key.source
    base = cover.base_for(source.source, other.latest_epoch, book.skew(source))
    ambiguous = other.unplaced(base)
    book.let_go += other.rebase(base, 0)
    book.changed_feeds.add(other.key)
    return ambiguous


def _book_count(book: SignalBook, signal: StockSignal, position: StockPosition) -> None:
    # The count contains our own sales and returns up to its time; later ones stay on top.
    state, at = signal.state, signal.effective_at
    later = [move for move in book.local.get(signal.key, ()) if move[0] > at]
    local = sum(q * ((to is state) - (left is state)) for _, left, to, q in later)
    variance = local + book.figure(signal.key, state) - position.buckets.get(state, 0)
    if state is Bucket.SELLABLE and position.local_net != local:
        book.stock.change(signal.key).local_net = local
    if variance:
        _book_change(book, signal, variance)
        book.variances.append(Variance(signal, variance, position.position))


def apply_move(book: SignalBook, stream: SourceStream, signal: StockSignal) -> Outcome:
    """A movement changes figures from before it; what raises sellable stock may wait."""
    _settle(book, signal)
    booked, outcomes = [], []
    ambiguous = False
    for leg in signal.legs():
        outcome, unplaced = _judge(stream, leg, book.feed_of(leg))
        if unplaced:
            book.recounts[leg.key, leg.state] = AMBIGUOUS
            ambiguous = True
        if outcome in BOOKED:
            booked.append(leg)
        outcomes.append(outcome)
        book.journal(stream, leg, outcome, ambiguous=unplaced)
    _book_legs(book, booked)
    return max(outcomes, key=_WEIGHT.index), ambiguous


def _judge(stream: SourceStream, leg: StockSignal, feed: StockFeed) -> Outcome:
    change = Change(leg.quantity, leg.micros)
    ambiguous = feed.base.judge(leg.rank, change) is InstantRule.AMBIGUOUS
    if not feed.base.counts(leg.rank, change):
        feed.remember(leg)
        return SignalOutcome.SUPERSEDED, ambiguous
    if feed.complete_before(leg.epoch, leg.sequence, stream.numbers):
        return SignalOutcome.APPLIED, ambiguous
    feed.gap_sequence = max(feed.gap_sequence, leg.sequence)
    if leg.raises_sellable:
        # A promise made too early cannot be kept; one made too late only waits.
        feed.held[leg.rank] = leg
        return SignalOutcome.HELD_BACK, ambiguous
    return SignalOutcome.APPLIED_WITH_GAP, ambiguous


def finish(book: SignalBook) -> None:
    """Applies what was kept back and is complete now, and closes gaps; once, after all signals."""
    ready: list[StockSignal] = []
    for feed in book.feeds.values():
        stream = book.streams.get(feed.key.source)
        if stream is None or not (feed.held or feed.gap_sequence):
            continue
        ready += feed.ready(stream.numbers)
        if feed.close_gap(stream.epoch, stream.numbers):
            book.changed_feeds.add(feed.key)
    book.let_go += ready
    for legs in _by_signal(ready):
        book.stock.origin = legs[0].origin
        _book_legs(book, legs)
    _flag_gaps(book)


def _flag_gaps(book: SignalBook) -> None:
    gaps = {feed.key.stock for feed in book.feeds.values() if feed.gap_sequence}
    for stock in {feed.key.stock for feed in book.feeds.values()}:
        if book.stock.positions[stock].gap != (stock in gaps):
            book.stock.change(stock).gap = stock in gaps


def _by_signal(legs: Iterable[StockSignal]) -> list[list[StockSignal]]:
    found: dict[tuple[SourceKey, StockKey, Rank], list[StockSignal]] = {}
    for leg in legs:
        found.setdefault((leg.source, leg.key, leg.rank), []).append(leg)
    return list(found.values())


def _book_legs(book: SignalBook, legs: Sequence[StockSignal]) -> None:
    """Both legs of a move are one entry of the ledger when both are booked at once."""
    for leg in legs:
        feed = book.feeds[FeedKey(leg.source, leg.key, leg.state)]
        feed.add(leg)
        book.changed_feeds.add(feed.key)
    if len(legs) == 2:
        leaving, arriving = sorted(legs, key=lambda leg: leg.quantity)
        _write(book, leaving, (leaving.state, arriving.state), arriving.quantity)
        return
    for leg in legs:
        _book_change(book, leg, leg.quantity)


def _book_change(book: SignalBook, signal: StockSignal, change: int) -> None:
    if change:
        inwards = (Bucket.OUTSIDE, signal.state)
        _write(book, signal, inwards if change > 0 else inwards[::-1], abs(change))


def _write(book: SignalBook, signal: StockSignal, ends: tuple[Bucket, ...], quantity: int) -> None:
    left, to = ends
    cause = signal.cause or signal.kind.value
    moved = Movement(left, to, quantity, cause, signal.reference, signal.effective_at)
    book.stock.change(signal.key).book(moved)


def _settle(book: SignalBook, signal: StockSignal) -> None:
    # Also when a snapshot contains the movement: it is the only word that these units left.
    left = signal.kind is SignalKind.DELTA and signal.quantity < 0
    if left and signal.reference and signal.state in (Bucket.SELLABLE, Bucket.PICKED):
        settle(book.stock, EvidenceKey(signal.reference, signal.key), -signal.quantity)
