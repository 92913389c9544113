"""Writes what became of a batch of signals, one statement per table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.ids import deterministic_id

from tandem_inventory_availability.adapters.postgres.source_rows import isoformat, save_streams
from tandem_inventory_availability.adapters.signal_documents import to_document
from tandem_inventory_availability.domain.signal_book import (
    JournalledSignal,
    ParkedSignal,
    SignalBook,
)
from tandem_inventory_availability.domain.stock_feed import StockFeed
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import StockSignal

_SAVE_FEEDS = text("""
    INSERT INTO stock_feed (tenant, sku, location, source, state, base_epoch, snapshot_sequence,
        base_high, base_tie, base_rule, base_by_time, base_own, snapshot_value, delta_sum,
        gap_sequence, cover, reported_at)
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, sku text, location text, source text, state text, base_epoch bigint,
               snapshot_sequence bigint, base_high bigint, base_tie text, base_rule text,
               base_by_time boolean, base_own boolean, snapshot_value bigint, delta_sum bigint,
               gap_sequence bigint, cover jsonb, reported_at timestamptz)
    ON CONFLICT (tenant, sku, location, source, state) DO UPDATE SET
        base_epoch = excluded.base_epoch, snapshot_sequence = excluded.snapshot_sequence,
        base_high = excluded.base_high, base_tie = excluded.base_tie,
        base_rule = excluded.base_rule, base_by_time = excluded.base_by_time,
        base_own = excluded.base_own, snapshot_value = excluded.snapshot_value,
        delta_sum = excluded.delta_sum, gap_sequence = excluded.gap_sequence,
        cover = excluded.cover, reported_at = excluded.reported_at
""")
_JOURNAL = text("""
    INSERT INTO stock_signal (tenant, sku, location, source, sequence, kind, quantity, cause,
        reference, effective_at, outcome, held, headers, recorded_at, epoch, tie, state, to_state,
        ambiguous, known_as)
    SELECT tenant, sku, location, source, sequence, kind, quantity, cause, reference,
        effective_at, outcome, outcome = 'HELD_BACK', headers, :now, epoch, tie, state, to_state,
        ambiguous, known_as
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, sku text, location text, source text, sequence bigint, kind text,
               quantity bigint, cause text, reference text, effective_at timestamptz,
               outcome text, headers jsonb, epoch bigint, tie text, state text, to_state text,
               ambiguous boolean, known_as text)
""")
_LET_GO = text("""
    UPDATE stock_signal AS s SET held = false
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, sku text, location text, source text, epoch bigint, sequence bigint,
               state text, tie text)
    WHERE s.tenant = n.tenant AND s.sku = n.sku AND s.location = n.location
      AND s.source = n.source AND s.epoch = n.epoch AND s.sequence = n.sequence
      AND s.state = n.state AND s.tie = n.tie
""")
_PARK = text("""
    INSERT INTO parked_signal (tenant, id, source, signal, reason, parked_at)
    SELECT tenant, id, source, signal, reason, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, id uuid, source text, signal jsonb, reason text)
    ON CONFLICT DO NOTHING
""")
_ASK = text("""
    INSERT INTO count_request (tenant, id, sku, location, state, reason, created_at)
    SELECT tenant, id, sku, location, state, reason, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, id uuid, sku text, location text, state text, reason text)
    ON CONFLICT DO NOTHING RETURNING tenant, id::text, sku, location, state, reason
""")

Asked = tuple[str, str, str, str, str, str]
"""A new count request: tenant, id, SKU, location, state, reason."""


async def save(connection: AsyncConnection, book: SignalBook, now: datetime) -> None:
    """Writes streams, feeds, the journal and what was put aside."""
    await save_streams(connection, [book.streams[key] for key in sorted(book.changed_streams)])
    await save_feeds(connection, [book.feeds[key] for key in book.changed_feeds])
    if book.journalled:
        await _journal(connection, book.journalled, now)
    if book.let_go:
        rows = json.dumps([_key(signal) for signal in book.let_go])
        await connection.execute(_LET_GO, {"rows": rows})
    if book.parked:
        parked = json.dumps([_parked_row(item) for item in book.parked])
        await connection.execute(_PARK, {"rows": parked, "now": now})


async def save_feeds(connection: AsyncConnection, feeds: Sequence[StockFeed]) -> None:
    """Writes feeds of locked positions."""
    if feeds:
        rows = json.dumps([_feed_row(feed) for feed in feeds])
        await connection.execute(_SAVE_FEEDS, {"rows": rows})


async def ask_for_counts(
    connection: AsyncConnection, wanted: Iterable[tuple[StockKey, Bucket, str]], now: datetime
) -> list[Asked]:
    """Asks for counts; those of positions nobody was asked to count yet."""
    rows = [
        {
            **vars(key),
            "id": deterministic_id("count", key.tenant, key.sku, key.location, state, str(now)),
            "state": state.value,
            "reason": reason,
        }
        for key, state, reason in wanted
    ]
    if not rows:
        return []
    found = await connection.execute(_ASK, {"rows": json.dumps(rows), "now": now})
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in found]


async def _journal(
    connection: AsyncConnection, items: Sequence[JournalledSignal], now: datetime
) -> None:
    rows = []
    for item in items:
        signal = item.signal
        rows.append(
            {
                **_key(signal),
                "kind": signal.kind.value,
                "quantity": signal.quantity,
                "cause": signal.cause,
                "reference": signal.reference,
                "effective_at": signal.effective_at.isoformat(),
                "outcome": item.outcome.value,
                "headers": dict(signal.origin),
                "to_state": signal.to_state.value if signal.to_state else "",
                "ambiguous": item.ambiguous,
                "known_as": signal.known_as,
            }
        )
    await connection.execute(_JOURNAL, {"rows": json.dumps(rows), "now": now})


def _key(signal: StockSignal) -> dict[str, object]:
    return {
        "tenant": signal.key.tenant,
        "sku": signal.key.sku,
        "location": signal.key.location,
        "source": signal.source.source,
        "epoch": signal.epoch,
        "sequence": signal.sequence,
        "state": signal.state.value,
        "tie": signal.tie,
    }


def _feed_row(feed: StockFeed) -> dict[str, object]:
    base, cover = feed.base, feed.cover
    return {
        **vars(feed.key.stock),
        "source": feed.key.source.source,
        "state": feed.key.state.value,
        "base_epoch": base.epoch,
        "snapshot_sequence": base.low,
        "base_high": base.high,
        "base_tie": base.tie,
        "base_rule": base.rule.value,
        "base_by_time": base.by_time,
        "base_own": base.own,
        "snapshot_value": feed.snapshot_value,
        "delta_sum": feed.delta_sum,
        "gap_sequence": feed.gap_sequence,
        "cover": {"micros": cover.micros, "numbers": dict(cover.numbers)} if cover else None,
        "reported_at": isoformat(feed.reported_at),
    }


def _parked_row(item: ParkedSignal) -> dict[str, object]:
    return {
        "tenant": item.signal.source.tenant,
        "id": item.id,
        "source": item.signal.source.source,
        "signal": to_document(item.signal),
        "reason": item.reason,
    }
