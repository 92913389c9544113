"""Which numbers of a source's sequence were seen, as few ranges."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class SequenceSet:
    """A set of positive numbers, kept as disjoint ranges with both ends in."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges = [(low, high) for low, high in ranges]

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges in rising order."""
        return list(self._ranges)

    def add(self, number: int) -> bool:
        """Adds a number; False when it was there."""
        at = bisect_right(self._ranges, (number, 2**63))
        low = high = number
        if at and self._ranges[at - 1][1] >= number - 1:
            before = self._ranges[at - 1]
            if before[1] >= number:
                return False
            at, low = at - 1, before[0]
            del self._ranges[at]
        if at < len(self._ranges) and self._ranges[at][0] == number + 1:
            high = self._ranges[at][1]
            del self._ranges[at]
        self._ranges.insert(at, (low, high))
        return True

    def complete_between(self, after: int, before: int) -> bool:
        """True when every number between the two (both excluded) was seen."""
        if before - after <= 1:
            return True
        at = bisect_right(self._ranges, (after + 1, 2**63))
        if not at:
            return False
        low, high = self._ranges[at - 1]
        return low <= after + 1 and high >= before - 1
