"""How much of what happened is in the books: posted of posted and held, by count and value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

WHOLE_BP = 10_000
"""Hundredths of a percent in the whole."""

ShareKey = tuple[str, str, str]
"""Channel, store, event type."""


@dataclass(frozen=True)
class EventCount:
    """Events of one kind, state and currency, and what they are worth in minor units."""

    key: ShareKey
    held: bool
    currency_code: str
    count: int
    value_minor: int


@dataclass
class PostingShare:
    """Posted and held events of one kind; amounts by currency."""

    key: ShareKey = ("", "", "")
    posted: int = 0
    held: int = 0
    posted_amounts: dict[str, int] = field(default_factory=dict)
    held_amounts: dict[str, int] = field(default_factory=dict)

    def add(self, counted: EventCount) -> None:
        """Counts events in."""
        if counted.held:
            self.held += counted.count
            amounts = self.held_amounts
        else:
            self.posted += counted.count
            amounts = self.posted_amounts
        code = counted.currency_code
        amounts[code] = amounts.get(code, 0) + counted.value_minor

    @property
    def count_bp(self) -> int:
        """Posted of all by count; whole when there is nothing."""
        return _share_bp(self.posted, self.held)

    @property
    def value_bp(self) -> int:
        """Posted of all by value, in the currency where it is least: sums over currencies would
        let a held yen hide behind a posted dollar."""
        codes = {*self.posted_amounts, *self.held_amounts}
        shares = (
            _share_bp(self.posted_amounts.get(code, 0), self.held_amounts.get(code, 0))
            for code in codes
        )
        return min(shares, default=WHOLE_BP)

    @property
    def held_value(self) -> int:
        """What is held, over all currencies; for ordering only."""
        return sum(self.held_amounts.values())


def _share_bp(posted: int, held: int) -> int:
    """Rounded down: 10,000 only when nothing is held."""
    return posted * WHOLE_BP // (posted + held) if posted + held else WHOLE_BP


def posting_shares(counts: Iterable[EventCount]) -> tuple[PostingShare, list[PostingShare]]:
    """The whole, and each kind; the kinds with the most held first."""
    total, by_key = PostingShare(), dict[ShareKey, PostingShare]()
    for counted in counts:
        total.add(counted)
        by_key.setdefault(counted.key, PostingShare(counted.key)).add(counted)
    ordered = sorted(by_key.values(), key=lambda x: (-x.held_value, -x.held, x.key))
    return total, ordered
