"""Signals of rpcs and of connector events as values."""

from __future__ import annotations

from tandem.connector.v1 import events_pb2
from tandem.inventory.v1 import signal_service_pb2 as api
from tandem.inventory.v1 import stock_position_pb2 as wire

from tandem_inventory_availability.adapters.wire.reservation_mapping import from_time
from tandem_inventory_availability.adapters.wire.stock_mapping import to_bucket, to_time
from tandem_inventory_availability.domain.errors import UnsupportedEnum
from tandem_inventory_availability.domain.stock_book import Origin
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import (
    SignalKind,
    SignalOutcome,
    SignalResult,
    SourceKey,
    StockSignal,
)

SNAPSHOT_REPORTED = events_pb2.StockSnapshotReported.DESCRIPTOR.full_name
MOVEMENT_REPORTED = events_pb2.StockMovementReported.DESCRIPTOR.full_name

_KINDS = {
    "delta": SignalKind.DELTA,
    "snapshot": SignalKind.SNAPSHOT,
    "move": SignalKind.MOVE,
    "count": SignalKind.COUNT,
}


def from_signal(message: api.StockSignal, tenant: str, place: str, origin: Origin) -> StockSignal:
    """A signal of `SubmitSignals`. Raises UnsupportedEnum for a state of a newer contract."""
    named = str(message.WhichOneof("content"))
    kind = _KINDS[named]
    moved = kind is SignalKind.MOVE
    where = f"{place}." if place else ""
    return StockSignal(
        source=SourceKey(tenant, message.source),
        sequence=message.sequence,
        key=StockKey(tenant, message.sku, message.location),
        kind=kind,
        quantity=message.move.quantity if moved else getattr(message, named),
        cause=message.cause,
        reference=message.reference,
        effective_at=from_time(message.effective_time),
        place=place,
        origin=origin,
        state=from_state(message.state, f"{where}state"),
        to_state=from_state(message.move.to_state, f"{where}move.to_state") if moved else None,
        epoch=message.epoch,
        tie=message.signal_id,
        token=message.correlation_token,
        scale=message.quantity_scale if message.HasField("quantity_scale") else None,
        covers=dict(message.covers),
    )


def to_signal(signal: StockSignal) -> api.StockSignal:
    """A signal as it came."""
    message = api.StockSignal(
        source=signal.source.source,
        sequence=signal.sequence,
        sku=signal.key.sku,
        location=signal.key.location,
        cause=signal.cause,
        reference=signal.reference,
        effective_time=to_time(signal.effective_at),
        state=to_bucket(signal.state),
        epoch=signal.epoch,
        signal_id=signal.tie,
        covers=dict(signal.covers),
        correlation_token=signal.token,
        quantity_scale=signal.scale,
    )
    if signal.kind is SignalKind.MOVE:
        message.move.quantity = signal.quantity
        message.move.to_state = to_bucket(signal.to_state or Bucket.OUTSIDE)
    else:
        setattr(message, signal.kind.value.lower(), signal.quantity)
    return message


def from_state(value: int, field: str) -> Bucket:
    """The state of a signal, sellable when it is not set. Raises UnsupportedEnum."""
    if not value:
        return Bucket.SELLABLE
    if value not in wire.LedgerEntry.Bucket.values():
        raise UnsupportedEnum(field, value)
    name = wire.LedgerEntry.Bucket.Name(value)  # type: ignore[arg-type]  # checked above
    return Bucket(name.removeprefix("BUCKET_"))


def to_outcome(outcome: SignalOutcome) -> api.SignalResult.Outcome.ValueType:
    """The outcome of the contract."""
    return api.SignalResult.Outcome.Value(f"OUTCOME_{outcome.value}")


def to_result(result: SignalResult) -> api.SignalResult:
    """What became of a signal."""
    return api.SignalResult(
        outcome=to_outcome(result.outcome),
        position=result.position,
        reason=result.reason,
        field=result.field,
        parked_signal_id=result.parked_id,
        ambiguous=result.ambiguous,
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
