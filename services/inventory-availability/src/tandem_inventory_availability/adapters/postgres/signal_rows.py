"""Rows of sources, feeds and the journal of signals. A source's row is locked first of all: it
orders everything that comes from it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.stock_rows import KEYS, key_columns
from tandem_inventory_availability.domain.sequence_set import SequenceSet
from tandem_inventory_availability.domain.signal_book import SignalBook
from tandem_inventory_availability.domain.stock_feed import FeedKey, StockFeed
from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.domain.stock_signal import (
    SignalKind,
    SourceKey,
    StockSignal,
)

_SOURCES = "unnest(CAST(:tenants AS text[]), CAST(:sources AS text[]))"
_SOURCES_EXIST = text(f"""
    INSERT INTO stock_source (tenant, source) SELECT * FROM {_SOURCES} ON CONFLICT DO NOTHING
""")
_LOCK_SOURCES = text(f"""
    SELECT tenant, source, seen::text FROM stock_source
    WHERE (tenant, source) IN (SELECT * FROM {_SOURCES})
    ORDER BY tenant, source FOR UPDATE
""")
_SAVE_SOURCES = text("""
    UPDATE stock_source AS s SET seen = CAST(n.seen AS jsonb)
    FROM unnest(CAST(:tenants AS text[]), CAST(:sources AS text[]), CAST(:seen AS text[]))
         AS n (tenant, source, seen)
    WHERE s.tenant = n.tenant AND s.source = n.source
""")
# Feeds with a gap that a number at hand could close: their positions are locked with the rest.
_CLOSING = text("""
    SELECT DISTINCT f.tenant, f.sku, f.location FROM stock_feed AS f
    JOIN unnest(CAST(:tenants AS text[]), CAST(:sources AS text[]), CAST(:numbers AS bigint[]))
         AS n (tenant, source, number)
      ON f.tenant = n.tenant AND f.source = n.source
     AND n.number > f.snapshot_sequence AND n.number < f.gap_sequence
    WHERE f.gap_sequence > 0
""")
_FEEDS = text(f"""
    SELECT tenant, source, sku, location, snapshot_sequence, snapshot_value, delta_sum,
           gap_sequence, reported_at
    FROM stock_feed WHERE (tenant, sku, location) IN (SELECT * FROM {KEYS})
""")
_SAVE_FEEDS = text(f"""
    INSERT INTO stock_feed (tenant, sku, location, source, snapshot_sequence, snapshot_value,
                            delta_sum, gap_sequence, reported_at)
    SELECT * FROM ROWS FROM ({KEYS}, unnest(CAST(:sources AS text[]),
        CAST(:snapshot_sequences AS bigint[]), CAST(:snapshot_values AS bigint[]),
        CAST(:delta_sums AS bigint[]), CAST(:gap_sequences AS bigint[]),
        CAST(:reported AS timestamptz[])))
    ON CONFLICT (tenant, sku, location, source) DO UPDATE SET
        snapshot_sequence = excluded.snapshot_sequence, snapshot_value = excluded.snapshot_value,
        delta_sum = excluded.delta_sum, gap_sequence = excluded.gap_sequence,
        reported_at = excluded.reported_at
""")
_SIGNAL_COLUMNS = """tenant, source, sequence, sku, location, kind, quantity, cause, reference,
                     effective_at, headers::text"""
_KNOWN = text(f"""
    SELECT {_SIGNAL_COLUMNS} FROM stock_signal
    WHERE (tenant, source, sequence, sku, location) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:sources AS text[]),
                             CAST(:numbers AS bigint[]), CAST(:skus AS text[]),
                             CAST(:locations AS text[])))
""")
_FIRST = text("""
    SELECT n.tenant, n.source, n.number, s.kind, s.sku, s.location
    FROM (SELECT DISTINCT tenant, source, number FROM unnest(CAST(:tenants AS text[]),
              CAST(:sources AS text[]), CAST(:numbers AS bigint[]))
              AS a (tenant, source, number)) AS n
    CROSS JOIN LATERAL (SELECT kind, sku, location FROM stock_signal
        WHERE tenant = n.tenant AND source = n.source AND sequence = n.number LIMIT 1) AS s
""")
_HELD = text(f"""
    SELECT {_SIGNAL_COLUMNS} FROM stock_signal
    WHERE held AND (tenant, source) IN (SELECT * FROM {_SOURCES})
""")
_LATER = text(f"""
    SELECT s.tenant, s.source, s.sku, s.location, s.sequence, s.quantity FROM stock_signal AS s
    JOIN ROWS FROM ({KEYS}, unnest(CAST(:sources AS text[]), CAST(:numbers AS bigint[])))
         AS n (tenant, sku, location, source, number)
      ON s.tenant = n.tenant AND s.sku = n.sku AND s.location = n.location
     AND s.source = n.source AND s.sequence > n.number
    WHERE s.kind = 'DELTA' AND NOT s.held
""")
_LOCAL = text(f"""
    SELECT e.tenant, e.sku, e.location, e.effective_at,
           CASE WHEN e.to_bucket = 'SELLABLE' THEN e.quantity ELSE -e.quantity END
    FROM ledger_entry AS e
    JOIN ROWS FROM ({KEYS}, unnest(CAST(:since AS timestamptz[])))
         AS n (tenant, sku, location, since)
      ON e.tenant = n.tenant AND e.sku = n.sku AND e.location = n.location
     AND e.effective_at > n.since
    WHERE e.local AND 'SELLABLE' IN (e.from_bucket, e.to_bucket)
""")
_WRITE = text(f"""
    INSERT INTO stock_signal (tenant, sku, location, source, sequence, kind, quantity, cause,
                              reference, effective_at, outcome, held, headers, recorded_at)
    SELECT tenant, sku, location, source, sequence, kind, quantity, cause, reference, effective_at,
           outcome, outcome = 'HELD_BACK', CAST(headers AS jsonb), :now
    FROM ROWS FROM ({KEYS}, unnest(CAST(:sources AS text[]), CAST(:numbers AS bigint[]),
        CAST(:kinds AS text[]), CAST(:quantities AS bigint[]), CAST(:causes AS text[]),
        CAST(:references AS text[]), CAST(:effective AS timestamptz[]),
        CAST(:outcomes AS text[]), CAST(:headers AS text[])))
        AS n (tenant, sku, location, source, sequence, kind, quantity, cause, reference,
              effective_at, outcome, headers)
""")
_LET_GO = text(f"""
    UPDATE stock_signal AS s SET held = false
    FROM ROWS FROM ({KEYS}, unnest(CAST(:sources AS text[]), CAST(:numbers AS bigint[])))
         AS n (tenant, sku, location, source, number)
    WHERE s.tenant = n.tenant AND s.sku = n.sku AND s.location = n.location
      AND s.source = n.source AND s.sequence = n.number
""")


async def lock_sources(
    connection: AsyncConnection, signals: Sequence[StockSignal]
) -> tuple[dict[SourceKey, SequenceSet], set[StockKey]]:
    """What was seen of each source, locked, and the positions whose gaps might close now."""
    columns = _source_columns(sorted({signal.source for signal in signals}))
    await connection.execute(_SOURCES_EXIST, columns)
    seen = {
        SourceKey(row[0], row[1]): SequenceSet((low, high) for low, high in json.loads(row[2]))
        for row in await connection.execute(_LOCK_SOURCES, columns)
    }
    closing = await connection.execute(_CLOSING, _signal_columns(signals))
    return seen, {StockKey(*row) for row in closing}


async def load(
    connection: AsyncConnection, book: SignalBook, signals: Sequence[StockSignal]
) -> None:
    """Takes feeds and known signals into the book; positions are locked before."""
    positions = key_columns(list(book.stock.positions))
    for row in await connection.execute(_FEEDS, positions):
        key = FeedKey(SourceKey(row[0], row[1]), StockKey(row[0], row[2], row[3]))
        book.feeds[key] = StockFeed(key, row[4], row[5], row[6], row[7], reported_at=row[8])
    columns = _signal_columns(signals)
    for row in await connection.execute(_KNOWN, columns):
        known = _to_signal(row)
        book.known[known.source, known.sequence, known.key] = known.content
    for row in await connection.execute(_FIRST, columns):
        number = (SourceKey(row[0], row[1]), row[2])
        book.first[number] = (SignalKind(row[3]), StockKey(row[0], row[4], row[5]))
    for row in await connection.execute(_HELD, _source_columns(sorted(book.seen))):
        held = _to_signal(row)
        feed = book.feeds.get(FeedKey(held.source, held.key))
        if feed is not None:
            feed.held[held.sequence] = held
    await _load_for_snapshots(connection, book, signals)


async def _load_for_snapshots(
    connection: AsyncConnection, book: SignalBook, signals: Sequence[StockSignal]
) -> None:
    snapshots = [signal for signal in signals if signal.kind is SignalKind.SNAPSHOT]
    if not snapshots:
        return
    numbers: dict[FeedKey, int] = {}
    since: dict[StockKey, datetime] = {}
    for signal in snapshots:
        feed = FeedKey(signal.source, signal.key)
        numbers[feed] = min(numbers.get(feed, signal.sequence), signal.sequence)
        at = signal.effective_at
        since[signal.key] = min(since.get(signal.key, at), at)
    later = {
        **key_columns([feed.stock for feed in numbers]),
        "sources": [feed.source.source for feed in numbers],
        "numbers": list(numbers.values()),
    }
    for row in await connection.execute(_LATER, later):
        found = book.feeds[FeedKey(SourceKey(row[0], row[1]), StockKey(row[0], row[2], row[3]))]
        found.later[row[4]] = row[5]
    local = {**key_columns(list(since)), "since": list(since.values())}
    for row in await connection.execute(_LOCAL, local):
        book.local.setdefault(StockKey(row[0], row[1], row[2]), []).append((row[3], row[4]))


async def save(connection: AsyncConnection, book: SignalBook, now: datetime) -> None:
    """Writes sources, feeds and the journal."""
    sources = sorted(book.seen)
    seen = [json.dumps(book.seen[source].ranges) for source in sources]
    await connection.execute(_SAVE_SOURCES, {**_source_columns(sources), "seen": seen})
    await _save_feeds(connection, [book.feeds[key] for key in sorted(book.changed_feeds)])
    if book.journalled:
        signals = [item.signal for item in book.journalled]
        columns = {
            **_signal_columns(signals),
            "kinds": [s.kind.value for s in signals],
            "quantities": [s.quantity for s in signals],
            "causes": [s.cause for s in signals],
            "references": [s.reference for s in signals],
            "effective": [s.effective_at for s in signals],
            "outcomes": [item.outcome.value for item in book.journalled],
            "headers": [json.dumps(dict(s.origin)) for s in signals],
            "now": now,
        }
        await connection.execute(_WRITE, columns)
    if book.let_go:
        await connection.execute(_LET_GO, _signal_columns(book.let_go))


async def _save_feeds(connection: AsyncConnection, feeds: Sequence[StockFeed]) -> None:
    if not feeds:
        return
    columns = {
        **key_columns([feed.key.stock for feed in feeds]),
        "sources": [feed.key.source.source for feed in feeds],
        "snapshot_sequences": [feed.snapshot_sequence for feed in feeds],
        "snapshot_values": [feed.snapshot_value for feed in feeds],
        "delta_sums": [feed.delta_sum for feed in feeds],
        "gap_sequences": [feed.gap_sequence for feed in feeds],
        "reported": [feed.reported_at for feed in feeds],
    }
    await connection.execute(_SAVE_FEEDS, columns)


def _to_signal(row: Sequence[object]) -> StockSignal:
    tenant, source, sequence, sku, location, kind, quantity, cause, reference, at, headers = row
    return StockSignal(
        source=SourceKey(str(tenant), str(source)),
        sequence=sequence,  # type: ignore[arg-type]  # columns of the table
        key=StockKey(str(tenant), str(sku), str(location)),
        kind=SignalKind(str(kind)),
        quantity=quantity,  # type: ignore[arg-type]  # columns of the table
        cause=str(cause),
        reference=str(reference),
        effective_at=at,  # type: ignore[arg-type]  # columns of the table
        origin=json.loads(str(headers)),
    )


def _source_columns(sources: Collection[SourceKey]) -> dict[str, object]:
    return {"tenants": [s.tenant for s in sources], "sources": [s.source for s in sources]}


def _signal_columns(signals: Sequence[StockSignal]) -> dict[str, object]:
    return {
        **key_columns([signal.key for signal in signals]),
        "sources": [signal.source.source for signal in signals],
        "numbers": [signal.sequence for signal in signals],
    }
