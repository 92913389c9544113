"""Which numbers of a source's sequence were seen, as few ranges."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

RANGES_MAX = 256
_ABOVE_ALL = 2**63


class SequenceSet:
    """A set of positive numbers, kept as at most RANGES_MAX disjoint ranges with both ends in.

    When there are more, the oldest hole is given up: its numbers are ``lost``. Nothing between a
    figure from before the hole and a number after it can be complete then, which is what the hole
    said too; so the answers stay exact but for a late number out of the hole, which waits for the
    next snapshot instead of closing it.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = (), lost: int = 0) -> None:
        self._ranges = [(low, high) for low, high in ranges]
        self.lost = lost

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges in rising order."""
        return list(self._ranges)

    @property
    def highest(self) -> int:
        """The greatest number, 0 for none."""
        return self._ranges[-1][1] if self._ranges else 0

    @property
    def holes(self) -> list[tuple[int, int]]:
        """What is missing from 1 up to the greatest number, both ends in."""
        low, found = 0, []
        for first, last in self._ranges:
            if first > low + 1:
                found.append((low + 1, first - 1))
            low = last
        return found

    def may_contain(self, number: int) -> bool:
        """False when the number was never added; true for a lost one too."""
        at = bisect_right(self._ranges, (number, _ABOVE_ALL))
        return bool(at) and self._ranges[at - 1][1] >= number

    def add(self, number: int) -> bool:
        """Adds a number; False when it was there."""
        at = bisect_right(self._ranges, (number, _ABOVE_ALL))
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
        if len(self._ranges) > RANGES_MAX:
            self._give_up_oldest_hole()
        return True

    def complete_between(self, after: int, before: int) -> bool:
        """True when every number between the two (both excluded) was seen."""
        if before - after <= 1:
            return True
        if after < self.lost:
            return False
        at = bisect_right(self._ranges, (after + 1, _ABOVE_ALL))
        if not at:
            return False
        low, high = self._ranges[at - 1]
        return low <= after + 1 and high >= before - 1

    def _give_up_oldest_hole(self) -> None:
        first, second = self._ranges[0], self._ranges[1]
        self.lost = max(self.lost, second[0] - 1)
        self._ranges[:2] = [(first[0], second[1])]
