"""The journal of signals beside what is booked of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import (
    expired_holds,
    signal_row_writes,
    signal_rows,
    stock_rows,
)
from tandem_inventory_availability.adapters.postgres.policy_rows import load_policies
from tandem_inventory_availability.adapters.postgres.stock_rows import KEYS, key_columns
from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.application.replay_signals import ReplaySignals
from tandem_inventory_availability.domain.replaying import Counted, Replayed
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_feed import Change, FeedKey, StockFeed
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import Rank, SourceKey

_POSITIONS = text("""
    SELECT DISTINCT f.tenant, f.sku COLLATE "C", f.location COLLATE "C" FROM stock_feed AS f
    WHERE f.tenant = :tenant AND (:source = '' OR f.source = :source)
      AND f.sku COLLATE "C" >= :first AND (:last = '' OR f.sku COLLATE "C" <= :last)
      AND (:location = '' OR f.location = :location)
    ORDER BY 2, 3 LIMIT :rows
""")
_JOURNAL = text(f"""
    SELECT tenant, source, sku, location, state, epoch, sequence, tie, kind, quantity,
           (extract(epoch FROM effective_at) * 1000000)::bigint
    FROM stock_signal WHERE (tenant, sku, location) IN (SELECT * FROM {KEYS})
      AND NOT held AND outcome NOT IN ('STALE_EPOCH', 'DROPPED', 'ECHO')
""")


class PostgresReplayStore:
    """The journal beside the books, in one open transaction."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    async def positions(self, wanted: ReplaySignals, rows: int) -> list[StockKey]:
        """Positions of the range by SKU."""
        arguments = {
            "tenant": wanted.tenant,
            "source": wanted.source,
            "first": wanted.first_sku,
            "last": wanted.last_sku,
            "location": wanted.location,
            "rows": rows,
        }
        found = await self._unit.connection.execute(_POSITIONS, arguments)
        return [StockKey(*row) for row in found]

    async def open(self, keys: Sequence[StockKey], now: datetime) -> StockBook:
        """The positions, locked."""
        book = StockBook(now)
        await stock_rows.lock_positions(self._unit.connection, book, keys)
        tenants = {key.tenant for key in keys}
        book.policies = await load_policies(self._unit.connection, tenants)
        await expired_holds.load(self._unit.connection, book)
        return book

    async def feeds(self, keys: Sequence[StockKey]) -> list[tuple[StockFeed, Replayed]]:
        """What is booked of each feed, and what the journal says of it."""
        counts: dict[FeedKey, list[Counted]] = {}
        deltas: dict[FeedKey, dict[Rank, Change]] = {}
        for row in await self._unit.connection.execute(_JOURNAL, key_columns(keys)):
            stock = StockKey(row[0], row[2], row[3])
            key = FeedKey(SourceKey(row[0], row[1]), stock, Bucket(row[4]))
            rank = Rank(row[5], row[6], row[7])
            if row[8] in ("SNAPSHOT", "COUNT"):
                counts.setdefault(key, []).append(Counted(rank, row[9]))
            else:
                deltas.setdefault(key, {})[rank] = Change(row[9], row[10])
        return [
            (feed, Replayed(counts.get(feed.key, []), deltas.get(feed.key, {})))
            for feed in await signal_rows.feeds(self._unit.connection, keys)
        ]

    async def store(self, book: StockBook, feeds: Sequence[StockFeed]) -> None:
        """Writes corrected feeds and positions."""
        await signal_row_writes.save_feeds(self._unit.connection, feeds)
        await PostgresStockTransaction(self._unit).store(book)
