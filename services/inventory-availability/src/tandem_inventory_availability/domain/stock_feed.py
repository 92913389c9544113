"""One source's figure of one state of one position: value = S + sum of deltas after the snapshot.

It depends only on the set of signals, so any order and any repetition end in the same value. For
all sequencings the formula is this one; they differ in what "after" means, which `Base` answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.domain.sequence_set import SequenceSet
from tandem_inventory_availability.domain.signal_source import InstantRule
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import Rank, SourceKey, StockSignal

NEVER_COUNTED = -1
"""Below every number: a first snapshot may well be number 0, before any movement."""


@dataclass(frozen=True, order=True)
class FeedKey:
    """A source's feed of one state of one position."""

    source: SourceKey
    stock: StockKey
    state: Bucket = Bucket.SELLABLE


@dataclass(frozen=True)
class Change:
    """What a delta does, and where it stands by number and by time (microseconds)."""

    quantity: int
    micros: int


@dataclass(frozen=True)
class Base:
    """From where on deltas count. ``own`` bases are the source's own counts, the others say what a
    count of somebody else contains of this source.

    Between ``low`` and ``high`` (both in) ``rule`` decides; below, a delta is contained, above it
    counts. With ``by_time`` they are times in microseconds, else numbers.
    """

    epoch: int = 0
    low: int = NEVER_COUNTED
    high: int = NEVER_COUNTED
    tie: str = ""
    rule: InstantRule = InstantRule.INCLUDED
    by_time: bool = False
    own: bool = False

    def judge(self, rank: Rank, change: Change) -> InstantRule:
        """INCLUDED when the count contains the delta, EXCLUDED when it comes on top."""
        if rank.epoch != self.epoch and not self.by_time:
            return InstantRule.EXCLUDED if rank.epoch > self.epoch else InstantRule.INCLUDED
        at = change.micros if self.by_time else rank.number
        if at < self.low:
            return InstantRule.INCLUDED
        return self.rule if at <= self.high else InstantRule.EXCLUDED

    def counts(self, rank: Rank, change: Change) -> bool:
        """True when the delta comes on top; one nobody can place does when it takes stock away."""
        judged = self.judge(rank, change)
        return judged is InstantRule.EXCLUDED or (
            judged is InstantRule.AMBIGUOUS and change.quantity < 0
        )

    @property
    def rank(self) -> Rank:
        """Rank of the own count it comes from."""
        return Rank(self.epoch, self.low, self.tie)


@dataclass(frozen=True)
class Cover:
    """What an owner's count says of other sources: numbers by source, else its time decides."""

    micros: int
    numbers: Mapping[str, int] = field(default_factory=dict)

    def base_for(self, source: str, epoch: int, skew_micros: int) -> Base:
        """Where the deltas of another source begin to count."""
        if (number := self.numbers.get(source)) is not None:
            return Base(epoch, number, number)
        low, high = self.micros - skew_micros, self.micros + skew_micros
        return Base(epoch, low, high, rule=InstantRule.AMBIGUOUS, by_time=True)


@dataclass
class StockFeed:
    """A figure and what it is made of.

    ``deltas`` holds those that were let through by rank, counted or contained, as far back as a
    count at hand needs them; ``held`` those kept back; ``gap_sequence`` is the highest number that
    came while an earlier one was missing, 0 for none; ``cover`` what the last own count said of
    others.
    """

    key: FeedKey
    base: Base = field(default_factory=Base)
    snapshot_value: int = 0
    delta_sum: int = 0
    gap_sequence: int = 0
    deltas: dict[Rank, Change] = field(default_factory=dict)
    held: dict[Rank, StockSignal] = field(default_factory=dict)
    cover: Cover | None = None
    reported_at: datetime | None = None

    @property
    def value(self) -> int:
        """What the source's stock is."""
        return self.snapshot_value + self.delta_sum

    def complete_before(self, epoch: int, sequence: int, seen: SequenceSet | None) -> bool:
        """True when nothing between the snapshot and this number is missing, as far as one knows:
        without numbers nothing is noticed.

        A new epoch begins with a snapshot: without it, it is the snapshot that is missing.
        """
        if self.base.epoch < epoch:
            return False
        if seen is None:
            return True
        low = 0 if self.base.by_time else self.base.low
        return seen.complete_between(max(0, low), sequence)

    def add(self, signal: StockSignal) -> None:
        """Applies a delta."""
        self.delta_sum += signal.quantity
        self.remember(signal)

    def remember(self, signal: StockSignal) -> None:
        """Keeps a delta in mind: a count of the same batch may begin before it."""
        self.deltas[signal.rank] = Change(signal.quantity, signal.micros)

    def rebase(self, base: Base, value: int) -> list[StockSignal]:
        """Starts from another count; the deltas kept back that it contains."""
        if base.epoch > self.base.epoch:
            newer = [rank.number for rank in (*self.deltas, *self.held) if rank.epoch == base.epoch]
            self.gap_sequence = max(newer, default=0)
        self.base, self.snapshot_value = base, value
        self.delta_sum = sum(c.quantity for r, c in self.deltas.items() if base.counts(r, c))
        ranks = [r for r, s in sorted(self.held.items()) if not base.counts(r, _change(s))]
        contained = [self.held.pop(rank) for rank in ranks]
        for signal in contained:
            self.remember(signal)
        return contained

    def ready(self, seen: SequenceSet | None) -> list[StockSignal]:
        """Takes out the kept-back deltas nothing is missing before any more."""
        ranks = [r for r in sorted(self.held) if self.complete_before(r.epoch, r.number, seen)]
        return [self.held.pop(rank) for rank in ranks]

    def close_gap(self, epoch: int, seen: SequenceSet | None) -> bool:
        """Forgets the gap when it is closed; True when it did."""
        if not self.gap_sequence or not self.complete_before(epoch, self.gap_sequence, seen):
            return False
        self.gap_sequence = 0
        return True

    def unplaced(self, base: Base) -> bool:
        """True when there is a delta of which the count cannot say whether it contains it."""
        changes = {**self.deltas, **{rank: _change(s) for rank, s in self.held.items()}}
        return any(base.judge(r, c) is InstantRule.AMBIGUOUS for r, c in changes.items())

    @property
    def latest_epoch(self) -> int:
        """Epoch of its newest delta, or of its base."""
        return max((rank.epoch for rank in (*self.deltas, *self.held)), default=self.base.epoch)


def _change(signal: StockSignal) -> Change:
    return Change(signal.quantity, signal.micros)
