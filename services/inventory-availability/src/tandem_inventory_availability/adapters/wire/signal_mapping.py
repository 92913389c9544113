"""Signals of rpcs and of connector events as values."""

from __future__ import annotations

from tandem.connector.v1 import events_pb2
from tandem.inventory.v1 import signal_service_pb2 as api

from tandem_inventory_availability.adapters.wire.reservation_mapping import from_time
from tandem_inventory_availability.domain.errors import UnsupportedEnum
from tandem_inventory_availability.domain.stock_book import Origin
from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.domain.stock_signal import (
    SignalKind,
    SignalResult,
    SourceKey,
    StockSignal,
)

SNAPSHOT_REPORTED = events_pb2.StockSnapshotReported.DESCRIPTOR.full_name
MOVEMENT_REPORTED = events_pb2.StockMovementReported.DESCRIPTOR.full_name


def from_signal(message: api.StockSignal, tenant: str, place: str, origin: Origin) -> StockSignal:
    """A signal of `SubmitSignals`."""
    snapshot = message.WhichOneof("content") == "snapshot"
    return StockSignal(
        source=SourceKey(tenant, message.source),
        sequence=message.sequence,
        key=StockKey(tenant, message.sku, message.location),
        kind=SignalKind.SNAPSHOT if snapshot else SignalKind.DELTA,
        quantity=message.snapshot if snapshot else message.delta,
        cause=message.cause,
        reference=message.reference,
        effective_at=from_time(message.effective_time),
        place=place,
        origin=origin,
    )


def to_result(result: SignalResult) -> api.SignalResult:
    """What became of a signal."""
    return api.SignalResult(
        outcome=api.SignalResult.Outcome.Value(f"OUTCOME_{result.outcome.value}"),
        position=result.position,
        reason=result.reason,
    )


def from_feed_event(
    event_type: str, payload: bytes, source: SourceKey, origin: Origin
) -> list[StockSignal]:
    """The signals of a connector's event; none when it is of another type.

    Raises UnsupportedEnum, and protobuf's DecodeError for an unreadable payload.
    """
    if event_type == SNAPSHOT_REPORTED:
        counted = events_pb2.StockSnapshotReported.FromString(payload)
        return _from_snapshot(counted, source, origin)
    if event_type == MOVEMENT_REPORTED:
        moved = events_pb2.StockMovementReported.FromString(payload)
        return [_from_movement(moved, source, origin)]
    return []


def _from_snapshot(
    event: events_pb2.StockSnapshotReported, source: SourceKey, origin: Origin
) -> list[StockSignal]:
    return [
        StockSignal(
            source=source,
            sequence=event.sequence,
            key=StockKey(source.tenant, line.sku, line.location),
            kind=SignalKind.SNAPSHOT,
            quantity=line.quantity,
            cause="SNAPSHOT",
            reference=event.snapshot_id,
            effective_at=from_time(event.as_of_time),
            place=f"lines[{number}]",
            origin=origin,
        )
        for number, line in enumerate(event.lines)
    ]


def _from_movement(
    event: events_pb2.StockMovementReported, source: SourceKey, origin: Origin
) -> StockSignal:
    causes = events_pb2.StockMovementReported.Cause
    if event.cause not in causes.values() or not event.cause:
        raise UnsupportedEnum("cause", event.cause)
    return StockSignal(
        source=source,
        sequence=event.sequence,
        key=StockKey(source.tenant, event.sku, event.location),
        kind=SignalKind.DELTA,
        quantity=event.delta,
        cause=causes.Name(event.cause).removeprefix("CAUSE_"),
        reference=event.reference,
        effective_at=from_time(event.move_time),
        origin=origin,
    )
