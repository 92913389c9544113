"""Positions and ledger entries as messages."""

from __future__ import annotations

from datetime import datetime

from tandem.inventory.v1 import stock_position_pb2 as wire
from tandem_platform.timestamps import to_time as to_time

from tandem_inventory_availability.domain.stock_position import Bucket, LedgerEntry, StockPosition


def to_stock_position(position: StockPosition) -> wire.StockPosition:
    """A position with what can be promised of it."""
    return wire.StockPosition(
        sku=position.key.sku,
        location=position.key.location,
        on_hand=position.on_hand,
        hard_reserved=position.hard,
        soft_reserved=position.soft_live,
        unsettled=position.unsettled,
        available=position.available,
        position=position.position,
        gap=position.gap,
        source_time=to_time(position.source_at) if position.source_at else None,
        return_pending=position.buckets.get(Bucket.RETURN_PENDING, 0),
        unsellable=position.buckets.get(Bucket.QUALITY_HOLD, 0)
        + position.buckets.get(Bucket.DAMAGED, 0),
        refurbish=position.buckets.get(Bucket.REFURBISH, 0),
        picked=position.buckets.get(Bucket.PICKED, 0),
        in_transit=position.buckets.get(Bucket.IN_TRANSIT, 0),
        leased=position.leased_live,
        backordered=position.backordered,
        in_conflict=position.in_conflict,
        stale_time=to_time(position.stale_at) if position.stale_at else None,
        version=position.version,
    )


def to_ledger_entry(entry: LedgerEntry, recorded_at: datetime) -> wire.LedgerEntry:
    """A booked movement."""
    movement = entry.movement
    return wire.LedgerEntry(
        position=entry.position,
        sku=entry.key.sku,
        location=entry.key.location,
        from_bucket=to_bucket(movement.from_bucket),
        to_bucket=to_bucket(movement.to_bucket),
        quantity=movement.quantity,
        cause=movement.cause,
        reference=movement.reference,
        effective_time=to_time(movement.effective_at),
        record_time=to_time(recorded_at),
    )


def to_bucket(bucket: Bucket) -> wire.LedgerEntry.Bucket.ValueType:
    """The bucket of the contract."""
    return wire.LedgerEntry.Bucket.Value(f"BUCKET_{bucket.value}")
