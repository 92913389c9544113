"""The rows a batch of signals may change, locked and in memory, and what became of each signal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tandem_core.ids import deterministic_id

from tandem_inventory_availability.domain.signal_checks import field_of
from tandem_inventory_availability.domain.signal_errors import SourceUnknown
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_feed import FeedKey, StockFeed
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import (
    Rank,
    SignalKind,
    SignalOutcome,
    SignalResult,
    SourceKey,
    StockSignal,
    digest,
)

Known = tuple[SourceKey, Rank, StockKey, Bucket]
Content = tuple[str, int, str, str, str]
LocalMove = tuple[datetime, Bucket, Bucket, int]
AMBIGUOUS = "AMBIGUOUS"
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class JournalledSignal:
    """One leg of a signal and what became of it."""

    signal: StockSignal
    outcome: SignalOutcome
    ambiguous: bool = False


@dataclass(frozen=True)
class ParkedSignal:
    """A signal somebody has to look at."""

    id: str
    signal: StockSignal
    reason: str


@dataclass(frozen=True)
class Variance:
    """What a count added to a figure or took from it, and the ledger entry that says so."""

    signal: StockSignal
    quantity: int
    position: int


@dataclass
class SignalBook:
    """State of a batch of signals.

    ``first`` is one signal known under each number: a number belongs to one delta, or to the lines
    of one snapshot. ``local`` are our own movements by time, for the positions a snapshot of this
    batch counts. ``published`` is what we last told a source: token and quantity.
    """

    stock: StockBook
    streams: dict[SourceKey, SourceStream] = field(default_factory=dict)
    feeds: dict[FeedKey, StockFeed] = field(default_factory=dict)
    known: dict[Known, Content | str] = field(default_factory=dict)
    first: dict[tuple[SourceKey, Rank], SignalKind] = field(default_factory=dict)
    local: dict[StockKey, list[LocalMove]] = field(default_factory=dict)
    published: dict[tuple[SourceKey, StockKey], tuple[str, int]] = field(default_factory=dict)
    scales: dict[tuple[str, str], int] = field(default_factory=dict)

    journalled: list[JournalledSignal] = field(default_factory=list)
    let_go: list[StockSignal] = field(default_factory=list)
    parked: list[ParkedSignal] = field(default_factory=list)
    variances: list[Variance] = field(default_factory=list)
    recounts: dict[tuple[StockKey, Bucket], str] = field(default_factory=dict)
    changed_feeds: set[FeedKey] = field(default_factory=set)
    changed_streams: set[SourceKey] = field(default_factory=set)
    recovered: set[SourceKey] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Finds the feeds of a state without looking at all of them."""
        self._of_state: dict[tuple[StockKey, Bucket], list[StockFeed]] = {}
        for feed in list(self.feeds.values()):
            self.add_feed(feed)

    @property
    def now_micros(self) -> int:
        """The moment of the batch in microseconds since 1970."""
        return (self.stock.now - _START) // _MICROSECOND

    def add_feed(self, feed: StockFeed) -> None:
        """Takes a feed in."""
        self.feeds[feed.key] = feed
        self._of_state.setdefault((feed.key.stock, feed.key.state), []).append(feed)

    def stream_of(self, signal: StockSignal) -> SourceStream:
        """The signal's stream. Raises SourceUnknown."""
        stream = self.streams.get(signal.source)
        if stream is None:
            raise SourceUnknown(signal.source.source, field_of(signal, "source"))
        return stream

    def figure(self, stock: StockKey, state: Bucket) -> int:
        """What all sources together say of a state."""
        return sum(feed.value for feed in self._of_state.get((stock, state), ()))

    def others(self, signal: StockSignal) -> list[StockFeed]:
        """What other sources say of the same state."""
        feeds = self._of_state.get((signal.key, signal.state), ())
        return [feed for feed in feeds if feed.key.source != signal.source]

    def still_owns(self, feed: StockFeed) -> bool:
        """True when the feed's source counted the state and still may."""
        stream = self.streams.get(feed.key.source)
        location, state = feed.key.stock.location, feed.key.state
        return feed.base.own and stream is not None and stream.source.owns_state(location, state)

    def feed_of(self, signal: StockSignal) -> StockFeed:
        """The signal's feed, which is about to change; a new one begins after the owner's count."""
        key = FeedKey(signal.source, signal.key, signal.state)
        feed = self.feeds.get(key)
        if feed is None:
            feed = StockFeed(key)
            for other in self.others(signal):
                if other.base.own and other.cover:
                    name, skew = signal.source.source, self.skew(signal.source)
                    feed.base = other.cover.base_for(name, signal.epoch, skew)
            self.add_feed(feed)
        self.changed_feeds.add(key)
        at = signal.effective_at
        feed.reported_at = max(feed.reported_at or at, at)
        return feed

    def skew(self, source: SourceKey) -> int:
        """How far a source's clock may be off, in microseconds."""
        stream = self.streams.get(source)
        return stream.source.future_skew_max // _MICROSECOND if stream else 0

    def note_stream(self, stream: SourceStream, signal: StockSignal) -> StockSignal:
        """Takes a new signal into its stream; a silent source has spoken again."""
        self.changed_streams.add(stream.key)
        if stream.stale:
            stream.stale = False
            self.recovered.add(stream.key)
        return stream.note(signal)

    def park(self, signal: StockSignal, reason: str) -> str:
        """Puts a signal aside for somebody to look at; its id, the same for a repeat."""
        tenant, source = signal.source.tenant, signal.source.source
        parked_id = deterministic_id("parked signal", tenant, source, digest(signal))
        self.parked.append(ParkedSignal(parked_id, signal, reason))
        return parked_id

    def only_journal(
        self, stream: SourceStream, signal: StockSignal, outcome: SignalOutcome
    ) -> SignalResult:
        """Keeps a signal that changes no figure; its number is seen, unless its epoch is over."""
        if outcome is not SignalOutcome.STALE_EPOCH:
            signal = self.note_stream(stream, signal)
        self.journal(stream, signal.legs()[0], outcome)
        return SignalResult(outcome)

    def journal(
        self,
        stream: SourceStream,
        leg: StockSignal,
        outcome: SignalOutcome,
        *,
        ambiguous: bool = False,
    ) -> None:
        """Writes down what became of a leg; repeats are known by the first one."""
        identity = stream.identity(leg)
        if leg.kind is not SignalKind.MOVE or leg.quantity < 0:
            content = leg.known_as or leg.sent_content
            self.known[leg.source, identity, leg.key, leg.state] = content
            self.first.setdefault((leg.source, identity), leg.kind)
        self.journalled.append(JournalledSignal(leg, outcome, ambiguous))
