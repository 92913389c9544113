"""What is where, by all that was ever said of it. See `stock_model`."""

from __future__ import annotations

from dataclasses import dataclass, replace

Shelf = tuple[str, str]
"""SKU and location."""


@dataclass(frozen=True)
class Said:
    """A signal of a source. ``number`` counts in its epoch from 1."""

    source: str
    number: int
    sku: str
    location: str
    kind: str
    quantity: int
    at: int
    reference: str = ""
    epoch: int = 0

    @property
    def shelf(self) -> Shelf:
        """Where."""
        return self.sku, self.location


@dataclass(frozen=True)
class Moved:
    """Goods that we moved ourselves: a sale, a return. ``told`` orders it among the signals."""

    shelf: Shelf
    bucket: str
    change: int
    at: int
    told: int
    line: tuple[str, str, str]


class SignalModel:
    """Remembers what was said and works stock out of it."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.moved: list[Moved] = []

    def on_hand(self, shelf: Shelf) -> int:
        """Sellable units."""
        return self.bucket(shelf, "SELLABLE")

    def bucket(self, shelf: Shelf, bucket: str) -> int:
        """Units in a bucket: what sources say, and our own moves no count contains."""
        counted = self._last_count(shelf) if bucket == "SELLABLE" else None
        own = sum(
            move.change
            for move in self.moved
            if (move.shelf, move.bucket) == (shelf, bucket)
            and (counted is None or move.told > self.said.index(counted) or move.at > counted.at)
        )
        sources = {s.source for s in self.said if s.shelf == shelf}
        return own + (sum(self.value(s, shelf) for s in sources) if bucket == "SELLABLE" else 0)

    def value(self, source: str, shelf: Shelf) -> int:
        """Snapshot, and the deltas after it that nothing is missing before; negative ones anyway:
        what left may be gone, what came may be wrong."""
        mine = self.heard(source)
        counted = max(
            (s.number for s in mine if s.kind == "SNAPSHOT" and s.shelf == shelf), default=-1
        )
        numbers = {s.number for s in mine}
        total = 0
        for said in (s for s in mine if s.shelf == shelf):
            if said.kind == "SNAPSHOT":
                total += said.quantity if said.number == counted else 0
            elif said.number > counted:
                whole = numbers >= set(range(max(counted, 0) + 1, said.number))
                total += said.quantity if whole or said.quantity < 0 else 0
        return total

    def gap(self, shelf: Shelf) -> bool:
        """True when a number below a known one is missing."""
        for source in {s.source for s in self.said if s.shelf == shelf}:
            mine = self.heard(source)
            here = [s for s in mine if s.shelf == shelf]
            counted = max((s.number for s in here if s.kind == "SNAPSHOT"), default=-1)
            later = [s.number for s in here if s.kind == "DELTA" and s.number > counted]
            wanted = set(range(max(counted, 0) + 1, max(later, default=0)))
            if not {s.number for s in mine} >= wanted:
                return True
        return False

    def heard(self, source: str) -> list[Said]:
        """What the source says in its newest epoch."""
        epoch = max((s.epoch for s in self.said if s.source == source), default=0)
        return [s for s in self.said if (s.source, s.epoch) == (source, epoch)]

    def _last_count(self, shelf: Shelf) -> Said | None:
        counts = [s for s in self.said if s.shelf == shelf and s.kind == "SNAPSHOT"]
        return max(counts, key=lambda s: (s.epoch, s.number), default=None)

    def departed(self, reference: str, shelf: Shelf) -> int:
        """Units that left the shelf under a reference, by the word of its sources."""
        return sum(
            -s.quantity
            for s in self.said
            if (s.reference, s.shelf, s.kind) == (reference, shelf, "DELTA") and s.quantity < 0
        )

    def say(self, signal: Said) -> str:
        """Takes a signal in; what became of it."""
        before = [s for s in self.said if s.source == signal.source]
        if signal.epoch < max((s.epoch for s in before), default=0):
            return "STALE_EPOCH"
        here = [s for s in before if (s.epoch, s.number) == (signal.epoch, signal.number)]
        for known in here:
            if known.shelf == signal.shelf or "DELTA" in (known.kind, signal.kind):
                return "DUPLICATE" if replace(known, at=signal.at) == signal else "CONFLICT"
        counted = [
            s.number
            for s in before
            if (s.kind, s.shelf, s.epoch) == ("SNAPSHOT", signal.shelf, signal.epoch)
        ]
        self.said.append(signal)
        if signal.kind == "SNAPSHOT":
            return "STALE" if signal.number <= max(counted, default=-1) else "APPLIED"
        if signal.number <= max(counted, default=-1):
            return "SUPERSEDED"
        numbers = {s.number for s in before if s.epoch == signal.epoch}
        if numbers >= set(range(max(0, max(counted, default=-1)) + 1, signal.number)):
            return "APPLIED"
        return "HELD_BACK" if signal.quantity > 0 else "APPLIED_WITH_GAP"

    def move(self, shelf: Shelf, bucket: str, change: int, at: int, line: tuple[str, str]) -> None:
        """Books a sale (negative) or returned goods, each line of a reference once."""
        name = ("SALE" if change < 0 else "RETURN", *line)
        if all(move.line != name for move in self.moved):
            self.moved.append(Moved(shelf, bucket, change, at, len(self.said), name))
