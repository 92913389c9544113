"""Rows of positions and ledger: locked in one fixed order, written in one statement each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import (
    Bucket,
    LedgerEntry,
    StockKey,
    StockPosition,
)

KEYS = "unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]), CAST(:locations AS text[]))"

# Rows are inserted before they are locked: a lock on a row that does not exist locks nothing, and
# two first reservations of a SKU would both start from zero.
_EXIST = text(f"""
    INSERT INTO stock_position (tenant, sku, location)
    SELECT k.tenant, k.sku, k.location FROM {KEYS} AS k (tenant, sku, location)
    JOIN item USING (tenant, sku)
    JOIN location AS l ON l.tenant = k.tenant AND l.id = k.location
    ORDER BY k.tenant COLLATE "C", k.sku COLLATE "C", k.location COLLATE "C" ON CONFLICT DO NOTHING
""")
_LOCK = text(f"""
    SELECT p.* FROM stock_position AS p
    WHERE (tenant, sku, location) IN (SELECT * FROM {KEYS})
    ORDER BY tenant COLLATE "C", sku COLLATE "C", location COLLATE "C" FOR UPDATE
""")
_SKUS = text("""
    SELECT tenant, sku FROM item WHERE (tenant, sku) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[])))
""")
_SAVE = text(f"""
    UPDATE stock_position AS p SET on_hand = n.on_hand, quality_hold = n.quality_hold,
        damaged = n.damaged, return_pending = n.return_pending, refurbish = n.refurbish,
        picked = n.picked, in_transit = n.in_transit, hard = n.hard, soft = n.soft,
        unsettled = n.unsettled, leased = n.leased, backordered = n.backordered,
        local_net = n.local_net, position = n.position, version = n.version, gap = n.gap,
        in_conflict = n.in_conflict, level = n.level, level_version = n.level_version,
        source_at = n.source_at, stale_at = n.stale_at
    FROM (SELECT * FROM ROWS FROM ({KEYS}, unnest(CAST(:on_hand AS bigint[]),
            CAST(:quality_hold AS bigint[]), CAST(:damaged AS bigint[]),
            CAST(:return_pending AS bigint[]), CAST(:refurbish AS bigint[]),
            CAST(:picked AS bigint[]), CAST(:in_transit AS bigint[]), CAST(:hard AS bigint[]),
            CAST(:soft AS bigint[]), CAST(:unsettled AS bigint[]), CAST(:leased AS bigint[]),
            CAST(:backordered AS bigint[]), CAST(:local_net AS bigint[]),
            CAST(:position AS bigint[]), CAST(:version AS bigint[]), CAST(:gap AS boolean[]),
            CAST(:in_conflict AS boolean[]), CAST(:level AS text[]),
            CAST(:level_version AS bigint[]), CAST(:source_at AS timestamptz[]),
            CAST(:stale_at AS timestamptz[]))))
        AS n (tenant, sku, location, on_hand, quality_hold, damaged, return_pending, refurbish,
              picked, in_transit, hard, soft, unsettled, leased, backordered, local_net, position,
              version, gap, in_conflict, level, level_version, source_at, stale_at)
    WHERE p.tenant = n.tenant AND p.sku = n.sku AND p.location = n.location
""")
_LEDGER = text(f"""
    INSERT INTO ledger_entry (tenant, sku, location, position, from_bucket, to_bucket, quantity,
                              cause, reference, local, effective_at, recorded_at)
    SELECT n.*, :now FROM ROWS FROM ({KEYS}, unnest(CAST(:position AS bigint[]),
            CAST(:from_bucket AS text[]), CAST(:to_bucket AS text[]), CAST(:quantity AS bigint[]),
            CAST(:cause AS text[]), CAST(:reference AS text[]), CAST(:local AS boolean[]),
            CAST(:effective_at AS timestamptz[]))) AS n
""")
BUCKET_COLUMNS = {
    Bucket.SELLABLE: "on_hand",
    Bucket.QUALITY_HOLD: "quality_hold",
    Bucket.DAMAGED: "damaged",
    Bucket.RETURN_PENDING: "return_pending",
    Bucket.REFURBISH: "refurbish",
    Bucket.PICKED: "picked",
    Bucket.IN_TRANSIT: "in_transit",
}
_FIGURES = (
    "hard",
    "soft",
    "unsettled",
    "leased",
    "backordered",
    "local_net",
    "position",
    "version",
    "gap",
    "in_conflict",
    "level",
    "level_version",
    "source_at",
    "stale_at",
)


_made: WeakKeyDictionary[Engine, set[StockKey]] = WeakKeyDictionary()
"""Positions that are there for certain, for none is ever removed: they need not be made again. A
row without a version may be of this very batch, and vanish with it."""
KNOWN_POSITIONS_MAX = 200_000


def key_columns(keys: Collection[StockKey]) -> dict[str, object]:
    """Keys as three arrays."""
    return {
        "tenants": [key.tenant for key in keys],
        "skus": [key.sku for key in keys],
        "locations": [key.location for key in keys],
    }


async def lock_positions(
    connection: AsyncConnection,
    book: StockBook,
    wanted: Collection[StockKey],
    members: Collection[StockKey] = (),
) -> None:
    """Takes positions into the book, locked; those of unknown SKUs or locations stay out.

    ``wanted`` are made when they are missing, ``members`` only taken when they are there.
    """
    keys = sorted(set(wanted))
    locked = sorted({*wanted, *members})
    if not locked:
        return
    made = _made.setdefault(connection.sync_engine, set())
    new = [key for key in keys if key not in made]
    if new:
        await connection.execute(_EXIST, key_columns(new))
    for row in await connection.execute(_LOCK, key_columns(locked)):
        position = to_position(row)
        book.positions[position.key] = position
        if position.version:
            made.add(position.key)
    if len(made) > KNOWN_POSITIONS_MAX:
        made.clear()
    book.known_skus |= {(key.tenant, key.sku) for key in book.positions}
    missing = [key for key in keys if key not in book.positions]
    await learn_skus(connection, book, {(key.tenant, key.sku) for key in missing})


async def learn_skus(
    connection: AsyncConnection, book: StockBook, skus: Collection[tuple[str, str]]
) -> None:
    """Finds out which of the SKUs are in the catalogue."""
    unsure = sorted(set(skus) - book.known_skus)
    if not unsure:
        return
    columns = {"tenants": [sku[0] for sku in unsure], "skus": [sku[1] for sku in unsure]}
    book.known_skus |= {(row[0], row[1]) for row in await connection.execute(_SKUS, columns)}


def to_position(row: object) -> StockPosition:
    """The position of a row."""
    values = row._mapping  # type: ignore[attr-defined]  # a row of sqlalchemy
    return StockPosition(
        key=StockKey(values["tenant"], values["sku"], values["location"]),
        buckets={bucket: values[column] for bucket, column in BUCKET_COLUMNS.items()},
        **{name: values[name] for name in _FIGURES},
    )


async def save_positions(
    connection: AsyncConnection, positions: Sequence[StockPosition], now: datetime
) -> None:
    """Writes positions and their new ledger entries."""
    if not positions:
        return
    columns = key_columns([p.key for p in positions])
    for bucket, column in BUCKET_COLUMNS.items():
        columns[column] = [p.buckets.get(bucket, 0) for p in positions]
    for name in _FIGURES:
        columns[name] = [getattr(p, name) for p in positions]
    await connection.execute(_SAVE, columns)
    await _write_ledger(connection, [entry for p in positions for entry in p.entries], now)


async def _write_ledger(
    connection: AsyncConnection, entries: Sequence[LedgerEntry], now: datetime
) -> None:
    if not entries:
        return
    moves = [entry.movement for entry in entries]
    columns = {
        **key_columns([entry.key for entry in entries]),
        "position": [entry.position for entry in entries],
        "from_bucket": [move.from_bucket.value for move in moves],
        "to_bucket": [move.to_bucket.value for move in moves],
        "quantity": [move.quantity for move in moves],
        "cause": [move.cause for move in moves],
        "reference": [move.reference for move in moves],
        "local": [move.local for move in moves],
        "effective_at": [move.effective_at for move in moves],
        "now": now,
    }
    await connection.execute(_LEDGER, columns)
