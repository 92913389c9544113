"""Rows of feeds and of the journal of signals, read into the book of a batch."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.stock_rows import KEYS, key_columns
from tandem_inventory_availability.domain.signal_book import SignalBook
from tandem_inventory_availability.domain.signal_source import InstantRule, Sequencing
from tandem_inventory_availability.domain.stock_feed import Base, Change, Cover, FeedKey, StockFeed
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import (
    Rank,
    SignalKind,
    SourceKey,
    StockSignal,
)

_NUMBERED = """jsonb_to_recordset(CAST(:rows AS jsonb))
    AS n (tenant text, source text, epoch bigint, sequence bigint, sku text, location text,
          state text, tie text)"""
_GAPS = text("""
    SELECT n.tenant, n.source
    FROM unnest(CAST(:tenants AS text[]), CAST(:sources AS text[])) AS n (tenant, source)
    WHERE EXISTS (SELECT 1 FROM stock_feed AS f WHERE f.tenant = n.tenant
                  AND f.source = n.source AND f.gap_sequence > 0 OFFSET 0)
""")
# Feeds with a gap that a number at hand could close: their positions are locked with the rest.
_CLOSING = text(f"""
    SELECT DISTINCT f.tenant, f.sku, f.location FROM stock_feed AS f
    JOIN {_NUMBERED} ON f.tenant = n.tenant AND f.source = n.source
        AND n.sequence < f.gap_sequence AND (f.base_by_time OR n.sequence > f.snapshot_sequence)
    WHERE f.gap_sequence > 0
""")
_FEEDS = text(f"""
    SELECT tenant, source, sku, location, state, base_epoch, snapshot_sequence,
           COALESCE(base_high, snapshot_sequence), base_tie, base_rule, base_by_time,
           COALESCE(base_own, snapshot_sequence >= 0), snapshot_value, delta_sum, gap_sequence,
           cover::text, reported_at
    FROM stock_feed WHERE (tenant, sku, location) IN (SELECT * FROM {KEYS})
""")
_COLUMNS = """s.tenant, s.source, s.epoch, s.sequence, s.tie, s.sku, s.location, s.state,
              s.to_state, s.kind, s.quantity, s.cause, s.reference, s.effective_at, s.known_as"""
_KNOWN = text(f"""
    SELECT {_COLUMNS} FROM stock_signal AS s JOIN {_NUMBERED}
      ON s.tenant = n.tenant AND s.source = n.source AND s.epoch = n.epoch
     AND s.sequence = n.sequence AND s.sku = n.sku AND s.location = n.location
     AND s.state = n.state
    WHERE n.tie = ''
""")
_NAMED = text(f"""
    SELECT {_COLUMNS} FROM stock_signal AS s JOIN {_NUMBERED}
      ON s.tenant = n.tenant AND s.source = n.source AND s.tie = n.tie AND s.epoch = n.epoch
     AND s.sku = n.sku AND s.location = n.location AND s.state = n.state
    WHERE n.tie > '' AND s.tie > ''
""")
_FIRST = text(f"""
    SELECT n.tenant, n.source, n.epoch, n.sequence, s.kind
    FROM (SELECT DISTINCT tenant, source, epoch, sequence FROM {_NUMBERED} WHERE tie = '') AS n
    CROSS JOIN LATERAL (SELECT kind FROM stock_signal
        WHERE tenant = n.tenant AND source = n.source AND epoch = n.epoch
          AND sequence = n.sequence LIMIT 1) AS s
""")
_HELD = text(f"""
    SELECT {_COLUMNS}, s.headers::text FROM stock_signal AS s
    WHERE s.held AND (s.tenant, s.sku, s.location) IN (SELECT * FROM {KEYS})
""")
_COUNTED = """jsonb_to_recordset(CAST(:rows AS jsonb))
    AS n (tenant text, sku text, location text, source text, state text, epoch bigint,
          sequence bigint, since timestamptz)"""
_DELTAS = """
    SELECT s.tenant, s.source, s.sku, s.location, s.state, s.epoch, s.sequence, s.tie,
           s.quantity, (extract(epoch FROM s.effective_at) * 1000000)::bigint
    FROM stock_signal AS s JOIN {rows}
      ON s.tenant = n.tenant AND s.sku = n.sku AND s.location = n.location
     AND s.source = n.source AND s.state = n.state AND {after}
    WHERE s.kind IN ('DELTA', 'MOVE') AND NOT s.held
      AND s.outcome NOT IN ('STALE_EPOCH', 'DROPPED')
"""
_DELTAS_AFTER_NUMBER = text(
    _DELTAS.format(rows=_COUNTED, after="s.sequence >= n.sequence AND n.since IS NULL")
)
_DELTAS_AFTER_TIME = text(
    _DELTAS.format(rows=_COUNTED, after="s.effective_at >= n.since AND n.since IS NOT NULL")
)
_LOCAL = text("""
    SELECT e.tenant, e.sku, e.location, e.effective_at, e.from_bucket, e.to_bucket, e.quantity
    FROM ledger_entry AS e JOIN jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, sku text, location text, since timestamptz)
      ON e.tenant = n.tenant AND e.sku = n.sku AND e.location = n.location
     AND e.effective_at > n.since
    WHERE e.local
""")
_PUBLISHED = text("""
    SELECT p.tenant, p.source, p.sku, p.location, p.token, p.quantity
    FROM stock_publication AS p JOIN jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, source text, sku text, location text)
         USING (tenant, source, sku, location)
""")
_SCALES = text("""
    SELECT tenant, sku, quantity_scale FROM item WHERE (tenant, sku) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[])))
""")


async def closing(connection: AsyncConnection, signals: Sequence[StockSignal]) -> set[StockKey]:
    """Positions whose gaps a number at hand might close."""
    named = sorted({signal.source for signal in signals})
    columns = {"tenants": [s.tenant for s in named], "sources": [s.source for s in named]}
    gaps = {SourceKey(row[0], row[1]) for row in await connection.execute(_GAPS, columns)}
    signals = [signal for signal in signals if signal.source in gaps]
    if not signals:
        return set()
    found = await connection.execute(_CLOSING, {"rows": _numbered(signals)})
    return {StockKey(*row) for row in found}


async def feeds(connection: AsyncConnection, keys: Collection[StockKey]) -> list[StockFeed]:
    """What sources say of positions."""
    found = []
    for row in await connection.execute(_FEEDS, key_columns(keys)):
        key = FeedKey(SourceKey(row[0], row[1]), StockKey(row[0], row[2], row[3]), Bucket(row[4]))
        base = Base(row[5], row[6], row[7], row[8], InstantRule(row[9]), row[10], row[11])
        feed = StockFeed(key, base, row[12], row[13], row[14], reported_at=row[16])
        if row[15]:
            told = json.loads(row[15])
            feed.cover = Cover(told["micros"], told["numbers"])
        found.append(feed)
    return found


async def load_feeds(connection: AsyncConnection, book: SignalBook) -> None:
    """Takes in what sources say of the positions of the book, and what of it is kept back."""
    keys = list(book.stock.positions)
    for feed in await feeds(connection, keys):
        book.add_feed(feed)
    for row in await connection.execute(_HELD, key_columns(keys)):
        held = to_signal(row, json.loads(row[15]))
        found = book.feeds.get(FeedKey(held.source, held.key, held.state))
        if found is not None:
            found.held[held.rank] = held


async def load_known(
    connection: AsyncConnection, book: SignalBook, signals: Sequence[StockSignal]
) -> None:
    """Takes in what came before under the numbers and names of the signals."""
    signals = [s for s in signals if book.streams[s.source].maybe_known(s)]
    if not signals:
        return
    rows = {"rows": _numbered(signals)}
    for statement in _statements(signals):
        for row in await connection.execute(statement, rows):
            known = to_signal(row)
            identity = book.streams[known.source].identity(known)
            content = known.known_as or known.sent_content
            book.known[known.source, identity, known.key, known.state] = content
    if any(not signal.tie for signal in signals):
        for row in await connection.execute(_FIRST, rows):
            book.first[SourceKey(row[0], row[1]), Rank(row[2], row[3])] = SignalKind(row[4])


def _statements(signals: Sequence[StockSignal]) -> list[Any]:
    numbered = any(not signal.tie for signal in signals)
    named = any(signal.tie for signal in signals)
    return [s for s, wanted in ((_KNOWN, numbered), (_NAMED, named)) if wanted]


async def load_for_counts(
    connection: AsyncConnection, book: SignalBook, signals: Sequence[StockSignal]
) -> None:
    """Takes in what counts of the batch need: later deltas, own moves, what was published."""
    counts = [signal for signal in signals if signal.absolute]
    if not counts:
        return
    rows = {"rows": json.dumps(_counted(book, counts))}
    for statement in (_DELTAS_AFTER_NUMBER, _DELTAS_AFTER_TIME):
        for row in await connection.execute(statement, rows):
            stock = StockKey(row[0], row[2], row[3])
            found = book.feeds.get(FeedKey(SourceKey(row[0], row[1]), stock, Bucket(row[4])))
            rank = Rank(row[5], row[6], row[7])
            if found is not None and rank not in found.held:
                found.deltas[rank] = Change(row[8], row[9])
    since: dict[StockKey, datetime] = {}
    for signal in counts:
        at = signal.effective_at
        since[signal.key] = min(since.get(signal.key, at), at)
    told = [{**vars(key), "since": at.isoformat()} for key, at in since.items()]
    for row in await connection.execute(_LOCAL, {"rows": json.dumps(told)}):
        moved = (row[3], Bucket(row[4]), Bucket(row[5]), row[6])
        book.local.setdefault(StockKey(*row[:3]), []).append(moved)
    named = [{"source": s.source.source, **vars(s.key)} for s in counts]
    for row in await connection.execute(_PUBLISHED, {"rows": json.dumps(named)}):
        key = (SourceKey(row[0], row[1]), StockKey(row[0], row[2], row[3]))
        book.published[key] = (row[4], row[5])


def _counted(book: SignalBook, counts: Sequence[StockSignal]) -> list[dict[str, object]]:
    """From where on the deltas of each feed of a counted state are needed: by number, by time, or
    by both when counts of one batch say so."""
    numbers: dict[FeedKey, int] = {}
    times: dict[FeedKey, datetime] = {}
    for signal in counts:
        own = FeedKey(signal.source, signal.key, signal.state)
        stream = book.streams[signal.source]
        # Without any order what comes later has not come yet: nothing before it is needed.
        arrives = stream.source.sequencing is Sequencing.NONE
        first = stream.received + 1 if arrives else signal.sequence
        numbers[own] = min(numbers.get(own, first), first)
        for feed in book.others(signal):
            key, at = feed.key, signal.effective_at
            number = signal.covers.get(key.source.source)
            if number is None:
                at -= timedelta(microseconds=book.skew(key.source))
                times[key] = min(times.get(key, at), at)
            else:
                numbers[key] = min(numbers.get(key, number), number)
    rows = [_from(key, number, None) for key, number in numbers.items()]
    return rows + [_from(key, 0, since) for key, since in times.items()]


def _from(key: FeedKey, number: int, since: datetime | None) -> dict[str, object]:
    return {
        **vars(key.stock),
        "source": key.source.source,
        "state": key.state.value,
        "sequence": number,
        "since": since.isoformat() if since else None,
    }


async def load_scales(
    connection: AsyncConnection, book: SignalBook, signals: Sequence[StockSignal]
) -> None:
    """Takes in the decimals of items that a signal names decimals for."""
    skus = sorted({(s.key.tenant, s.key.sku) for s in signals if s.scale is not None})
    if skus:
        columns = {"tenants": [sku[0] for sku in skus], "skus": [sku[1] for sku in skus]}
        for row in await connection.execute(_SCALES, columns):
            book.scales[row[0], row[1]] = row[2]


def to_signal(row: Sequence[Any], headers: dict[str, str] | None = None) -> StockSignal:
    """The leg of a journal row."""
    return StockSignal(
        source=SourceKey(row[0], row[1]),
        sequence=row[3],
        key=StockKey(row[0], row[5], row[6]),
        kind=SignalKind(row[9]),
        quantity=row[10],
        cause=row[11],
        reference=row[12],
        effective_at=row[13],
        origin=headers or {},
        state=Bucket(row[7]),
        to_state=Bucket(row[8]) if row[8] else None,
        epoch=row[2],
        tie=row[4],
        known_as=row[14],
    )


def _numbered(signals: Sequence[StockSignal]) -> str:
    return json.dumps(
        [
            {
                "tenant": s.key.tenant,
                "source": s.source.source,
                "epoch": s.epoch,
                "sequence": s.sequence,
                "sku": s.key.sku,
                "location": s.key.location,
                "state": s.state.value,
                "tie": s.tie,
            }
            for s in signals
        ]
    )
