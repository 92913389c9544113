"""Computes figures anew from the journal of signals, to compare them with what is booked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tandem_inventory_availability.domain.stock_feed import Change, StockFeed
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import Rank


@dataclass(frozen=True)
class Counted:
    """A count of the journal that was applied when it came."""

    rank: Rank
    quantity: int


@dataclass(frozen=True)
class Replayed:
    """What the journal says of a feed: its counts, and its deltas that are not kept back."""

    counts: Sequence[Counted]
    deltas: Mapping[Rank, Change]


@dataclass(frozen=True)
class Difference:
    """A state of a position of which the journal says something else than the books."""

    key: StockKey
    state: Bucket
    booked: int
    replayed: int


def replayed_value(feed: StockFeed, journal: Replayed) -> int:
    """S + deltas after it, of the greatest count the journal knows.

    A feed somebody else's count covers has no S, and keeps the base that count gave it.
    """
    base, value = feed.base, 0
    if base.own:
        newest = max(journal.counts, key=lambda counted: counted.rank, default=None)
        value = newest.quantity if newest is not None and newest.rank == base.rank else 0
    return value + sum(c.quantity for r, c in journal.deltas.items() if base.counts(r, c))


def differences(found: Iterable[tuple[StockFeed, Replayed]]) -> list[Difference]:
    """States whose feeds together are not what the journal says, by key."""
    sums: dict[tuple[StockKey, Bucket], tuple[int, int]] = {}
    for feed, journal in found:
        place = (feed.key.stock, feed.key.state)
        booked, replayed = sums.get(place, (0, 0))
        sums[place] = (booked + feed.value, replayed + replayed_value(feed, journal))
    return [
        Difference(key, state, booked, replayed)
        for (key, state), (booked, replayed) in sorted(sums.items())
        if booked != replayed
    ]
