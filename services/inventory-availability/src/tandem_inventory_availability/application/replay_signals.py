"""ReplaySignals: compares positions with the journal of signals, and corrects them if told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_inventory_availability.domain.replaying import (
    Difference,
    Replayed,
    differences,
    replayed_value,
)
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_feed import StockFeed
from tandem_inventory_availability.domain.stock_position import Bucket, Movement, StockKey

REPLAY_POSITIONS_MAX = 1_000
REPLAY = "REPLAY"


@dataclass(frozen=True)
class ReplaySignals:
    """Which positions; empty filters mean all."""

    tenant: str
    source: str
    first_sku: str
    last_sku: str
    location: str
    dry_run: bool


@dataclass(frozen=True)
class ReplayFound:
    """How many positions were looked at, what differs, and the SKU to go on from."""

    checked: int
    differences: list[Difference]
    next_sku: str


class ReplayStore(Protocol):
    """The journal beside the books, in one open transaction."""

    async def positions(self, wanted: ReplaySignals, rows: int) -> list[StockKey]:
        """Positions of the range by SKU, whole SKUs only."""
        ...

    async def open(self, keys: Sequence[StockKey], now: datetime) -> StockBook:
        """The positions, locked."""
        ...

    async def feeds(self, keys: Sequence[StockKey]) -> list[tuple[StockFeed, Replayed]]:
        """What is booked of each feed, and what the journal says of it."""
        ...

    async def store(self, book: StockBook, feeds: Sequence[StockFeed]) -> None:
        """Writes corrected feeds and positions."""
        ...


async def replay_signals(store: ReplayStore, wanted: ReplaySignals, now: datetime) -> ReplayFound:
    """What was found; corrected unless it is a dry run."""
    keys = await store.positions(wanted, REPLAY_POSITIONS_MAX + 1)
    next_sku = keys[REPLAY_POSITIONS_MAX].sku if len(keys) > REPLAY_POSITIONS_MAX else ""
    if next_sku and next_sku != keys[0].sku:
        keys = [key for key in keys if key.sku < next_sku]
    book = await store.open(keys, now)
    found = await store.feeds(keys)
    different = differences(found)
    if different and not wanted.dry_run:
        places = {(d.key, d.state) for d in different}
        wrong = [(f, j) for f, j in found if (f.key.stock, f.key.state) in places]
        for difference in different:
            _correct(book, difference)
        await store.store(book, [_corrected(feed, journal) for feed, journal in wrong])
    return ReplayFound(len(keys), different, next_sku)


def _corrected(feed: StockFeed, journal: Replayed) -> StockFeed:
    value = replayed_value(feed, journal)
    deltas = sum(c.quantity for r, c in journal.deltas.items() if feed.base.counts(r, c))
    feed.snapshot_value, feed.delta_sum = value - deltas, deltas
    return feed


def _correct(book: StockBook, found: Difference) -> None:
    change = found.replayed - found.booked
    ends = (Bucket.OUTSIDE, found.state) if change > 0 else (found.state, Bucket.OUTSIDE)
    moved = Movement(*ends, abs(change), REPLAY, "", book.now)
    book.change(found.key).book(moved)
