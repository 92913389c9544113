"""One source's figure of one position: value = S + sum of deltas numbered above the snapshot.

It depends only on the set of signals, so any order and any repetition end in the same value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.domain.sequence_set import SequenceSet
from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.domain.stock_signal import SourceKey, StockSignal

NEVER_COUNTED = -1
"""Below every number: a first snapshot may well be number 0, before any movement."""


@dataclass(frozen=True, order=True)
class FeedKey:
    """A source's feed of one position."""

    source: SourceKey
    stock: StockKey


@dataclass
class StockFeed:
    """``later`` holds applied deltas by number, as far back as a snapshot at hand needs them;
    ``held`` the deltas kept back; ``gap_sequence`` is the highest number that came while an earlier
    one was missing, 0 for none."""

    key: FeedKey
    snapshot_sequence: int = NEVER_COUNTED
    snapshot_value: int = 0
    delta_sum: int = 0
    gap_sequence: int = 0
    later: dict[int, int] = field(default_factory=dict)
    held: dict[int, StockSignal] = field(default_factory=dict)
    reported_at: datetime | None = None

    @property
    def value(self) -> int:
        """What the source's stock is."""
        return self.snapshot_value + self.delta_sum

    def complete_before(self, sequence: int, seen: SequenceSet) -> bool:
        """True when nothing between the snapshot and this number is missing."""
        return seen.complete_between(max(0, self.snapshot_sequence), sequence)

    def add(self, sequence: int, delta: int) -> None:
        """Applies a delta."""
        self.delta_sum += delta
        self.later[sequence] = delta

    def rebase(self, sequence: int, value: int) -> list[StockSignal]:
        """Starts from a newer snapshot; the deltas kept back that it contains."""
        self.snapshot_sequence, self.snapshot_value = sequence, value
        self.later = {n: delta for n, delta in self.later.items() if n > sequence}
        self.delta_sum = sum(self.later.values())
        return [self.held.pop(n) for n in sorted(self.held) if n <= sequence]

    def ready(self, seen: SequenceSet) -> list[StockSignal]:
        """Takes out the kept-back deltas nothing is missing before any more."""
        numbers = [n for n in sorted(self.held) if self.complete_before(n, seen)]
        return [self.held.pop(n) for n in numbers]

    def close_gap(self, seen: SequenceSet) -> bool:
        """Forgets the gap when it is closed; True when it did."""
        if not self.gap_sequence or not self.complete_before(self.gap_sequence, seen):
            return False
        self.gap_sequence = 0
        return True
