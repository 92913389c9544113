"""Applies signals of stock sources to the positions, whatever order they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tandem_core.errors import DomainError

from tandem_inventory_availability.domain.errors import SignalConflict
from tandem_inventory_availability.domain.reserving import settle
from tandem_inventory_availability.domain.sequence_set import SequenceSet
from tandem_inventory_availability.domain.shipment_evidence import EvidenceKey
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_feed import FeedKey, StockFeed
from tandem_inventory_availability.domain.stock_position import (
    Bucket,
    Movement,
    StockKey,
    StockPosition,
)
from tandem_inventory_availability.domain.stock_signal import (
    SignalKind,
    SignalOutcome,
    SignalResult,
    SourceKey,
    StockSignal,
)

JournalKey = tuple[SourceKey, int, StockKey]
Content = tuple[str, int, str, str]


@dataclass(frozen=True)
class JournalledSignal:
    """A signal and what became of it."""

    signal: StockSignal
    outcome: SignalOutcome


@dataclass
class SignalBook:
    """State of a batch of signals.

    ``first`` is one signal known under each number: a number belongs to one delta, or to the lines
    of one snapshot. ``local`` are our own movements of sellable stock by time, for the positions a
    snapshot of this batch counts.
    """

    stock: StockBook
    seen: dict[SourceKey, SequenceSet] = field(default_factory=dict)
    feeds: dict[FeedKey, StockFeed] = field(default_factory=dict)
    known: dict[JournalKey, Content] = field(default_factory=dict)
    first: dict[tuple[SourceKey, int], tuple[SignalKind, StockKey]] = field(default_factory=dict)
    local: dict[StockKey, list[tuple[datetime, int]]] = field(default_factory=dict)

    journalled: list[JournalledSignal] = field(default_factory=list)
    let_go: list[StockSignal] = field(default_factory=list)
    changed_feeds: set[FeedKey] = field(default_factory=set)

    def take(self, signal: StockSignal) -> SignalResult:
        """Applies one signal. Raises SkuUnknown, LocationUnknown, QuantityOutOfRange."""
        self.stock.origin = signal.origin
        position = self.stock.position(signal.key, signal.place)
        repeat = self._repeat_of(signal)
        if repeat is not None:
            return repeat
        feed = self._feed(FeedKey(signal.source, signal.key))
        position.check_range(signal.quantity)
        self.seen.setdefault(signal.source, SequenceSet()).add(signal.sequence)
        self._note_report(feed, position, signal)
        self._settle(signal)
        if signal.kind is SignalKind.SNAPSHOT:
            outcome = self._count(signal, feed, position)
        else:
            outcome = self._move(signal, feed, position)
        self._journal(signal, outcome)
        booked = outcome in (SignalOutcome.APPLIED, SignalOutcome.APPLIED_WITH_GAP)
        return SignalResult(outcome, position.position if booked else 0)

    def finish(self) -> None:
        """Applies what was kept back and is complete now, and closes gaps; once, at the end."""
        for feed in self.feeds.values():
            seen = self.seen.get(feed.key.source)
            if seen is None:
                continue
            for signal in feed.ready(seen):
                self.let_go.append(signal)
                self.stock.origin = signal.origin
                self._book_delta(signal, feed)
            if feed.close_gap(seen):
                self.changed_feeds.add(feed.key)
        self._flag_gaps()

    def _flag_gaps(self) -> None:
        gaps = {feed.key.stock for feed in self.feeds.values() if feed.gap_sequence}
        for stock in {feed.key.stock for feed in self.feeds.values()}:
            if self.stock.positions[stock].gap != (stock in gaps):
                self.stock.change(stock).gap = stock in gaps

    def _repeat_of(self, signal: StockSignal) -> SignalResult | None:
        content = self.known.get((signal.source, signal.sequence, signal.key))
        if content is not None:
            same = content == signal.content
            return _DUPLICATE if same else _CONFLICT
        first = self.first.get((signal.source, signal.sequence))
        if first is None:
            return None
        snapshots = first[0] is SignalKind.SNAPSHOT and signal.kind is SignalKind.SNAPSHOT
        return None if snapshots else _CONFLICT

    def _count(
        self, signal: StockSignal, feed: StockFeed, position: StockPosition
    ) -> SignalOutcome:
        if signal.sequence <= feed.snapshot_sequence:
            return SignalOutcome.STALE
        before = feed.value + position.local_net
        self.let_go += feed.rebase(signal.sequence, signal.quantity)
        # The count contains our own sales and returns up to its time; later ones stay on top.
        moves = self.local.get(signal.key, ())
        position.local_net = sum(change for at, change in moves if at > signal.effective_at)
        self._book(signal, feed.value + position.local_net - before)
        return SignalOutcome.APPLIED

    def _move(self, signal: StockSignal, feed: StockFeed, position: StockPosition) -> SignalOutcome:
        if signal.sequence <= feed.snapshot_sequence:
            return SignalOutcome.SUPERSEDED
        if feed.complete_before(signal.sequence, self.seen[signal.source]):
            self._book_delta(signal, feed)
            return SignalOutcome.APPLIED
        feed.gap_sequence = max(feed.gap_sequence, signal.sequence)
        self.stock.change(signal.key).gap = True
        if signal.quantity > 0:
            # A promise made too early cannot be kept; one made too late only waits.
            feed.held[signal.sequence] = signal
            return SignalOutcome.HELD_BACK
        self._book_delta(signal, feed)
        return SignalOutcome.APPLIED_WITH_GAP

    def _book_delta(self, signal: StockSignal, feed: StockFeed) -> None:
        feed.add(signal.sequence, signal.quantity)
        self.changed_feeds.add(feed.key)
        self._book(signal, signal.quantity)

    def _book(self, signal: StockSignal, change: int) -> None:
        if not change:
            return
        ends = (Bucket.OUTSIDE, Bucket.SELLABLE)
        source, target = ends if change > 0 else reversed(ends)
        cause = signal.cause or signal.kind.value
        movement = Movement(
            source, target, abs(change), cause, signal.reference, signal.effective_at
        )
        self.stock.change(signal.key).book(movement)

    def _settle(self, signal: StockSignal) -> None:
        # Also when a snapshot contains the movement: it is the only word that these units left.
        if signal.kind is SignalKind.DELTA and signal.quantity < 0 and signal.reference:
            settle(self.stock, EvidenceKey(signal.reference, signal.key), -signal.quantity)

    def _note_report(self, feed: StockFeed, position: StockPosition, signal: StockSignal) -> None:
        at = signal.effective_at
        feed.reported_at = max(feed.reported_at or at, at)
        if position.source_at is None or position.source_at < at:
            self.stock.change(signal.key).source_at = at
        self.changed_feeds.add(feed.key)

    def _feed(self, key: FeedKey) -> StockFeed:
        return self.feeds.setdefault(key, StockFeed(key))

    def _journal(self, signal: StockSignal, outcome: SignalOutcome) -> None:
        self.known[signal.source, signal.sequence, signal.key] = signal.content
        self.first.setdefault((signal.source, signal.sequence), (signal.kind, signal.key))
        self.journalled.append(JournalledSignal(signal, outcome))


def take_all(book: SignalBook, signals: Sequence[StockSignal]) -> list[SignalResult]:
    """Applies signals; one that is refused leaves the others alone."""
    results = []
    for signal in signals:
        try:
            results.append(book.take(signal))
        except DomainError as error:
            results.append(SignalResult(SignalOutcome.REFUSED, reason=error.reason))
    book.finish()
    return results


def take_whole(book: SignalBook, signals: Sequence[StockSignal]) -> None:
    """Applies signals of one report, all of them or an error.

    Raises SkuUnknown, LocationUnknown, QuantityOutOfRange, SignalConflict.
    """
    for signal in signals:
        if book.take(signal).outcome is SignalOutcome.CONFLICT:
            raise SignalConflict(signal.source.source, signal.sequence)
    book.finish()


_DUPLICATE = SignalResult(SignalOutcome.DUPLICATE)
_CONFLICT = SignalResult(SignalOutcome.CONFLICT, reason=SignalConflict.reason)
