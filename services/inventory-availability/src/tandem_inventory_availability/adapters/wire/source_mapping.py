"""Sources, snapshots, parked signals and count requests as messages."""

from __future__ import annotations

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem.inventory.v1 import source_service_pb2 as api
from tandem.inventory.v1 import stock_ops_service_pb2 as ops

from tandem_inventory_availability.adapters.wire.reservation_mapping import from_time
from tandem_inventory_availability.adapters.wire.signal_mapping import from_state, to_signal
from tandem_inventory_availability.adapters.wire.stock_mapping import to_bucket, to_time
from tandem_inventory_availability.application.request_count import CountRequest
from tandem_inventory_availability.application.signal_ports import Parked, SnapshotJob
from tandem_inventory_availability.domain.resync import ResyncRequest
from tandem_inventory_availability.domain.signal_source import (
    FRESHNESS_DEFAULT,
    FUTURE_SKEW_DEFAULT,
    InstantRule,
    Ownership,
    Sequencing,
    SignalSource,
    SourceKind,
)
from tandem_inventory_availability.domain.snapshot_file import SnapshotHeader, SnapshotScope
from tandem_inventory_availability.domain.stock_signal import SourceKey

_RULES = {
    0: InstantRule.AMBIGUOUS,
    api.StockSource.INSTANT_RULE_INCLUDED: InstantRule.INCLUDED,
    api.StockSource.INSTANT_RULE_EXCLUDED: InstantRule.EXCLUDED,
    api.StockSource.INSTANT_RULE_AMBIGUOUS: InstantRule.AMBIGUOUS,
}


def from_source(message: api.StockSource, place: str) -> SignalSource:
    """A source to register. Raises UnsupportedEnum for a state of a newer contract."""
    has = message.HasField
    horizon = message.lateness_horizon.ToTimedelta() if has("lateness_horizon") else None
    skew = message.future_skew_max.ToTimedelta() if has("future_skew_max") else FUTURE_SKEW_DEFAULT
    fresh = message.freshness_slo.ToTimedelta() if has("freshness_slo") else FRESHNESS_DEFAULT
    kind = api.StockSource.Kind.Name(message.kind).removeprefix("KIND_")
    sequencing = api.StockSource.Sequencing.Name(message.sequencing)
    return SignalSource(
        id=message.id,
        kind=SourceKind(kind),
        sequencing=Sequencing(sequencing.removeprefix("SEQUENCING_")),
        lateness_horizon=horizon,
        future_skew_max=skew,
        freshness_slo=fresh,
        includes_picked=message.snapshot_semantics.includes_picked,
        includes_allocated=message.snapshot_semantics.includes_allocated,
        instant_rule=_RULES[message.instant_rule],
        owns=tuple(
            Ownership(
                owned.location,
                frozenset(from_state(s, f"{place}.owns[{n}].states") for s in owned.states),
            )
            for n, owned in enumerate(message.owns)
        ),
        lenient=message.lenient,
        version=message.version,
    )


def to_source(source: SignalSource) -> api.StockSource:
    """A registered source."""
    return api.StockSource(
        id=source.id,
        kind=api.StockSource.Kind.Value(f"KIND_{source.kind.value}"),
        sequencing=api.StockSource.Sequencing.Value(f"SEQUENCING_{source.sequencing.value}"),
        lateness_horizon=_duration(source.lateness_horizon),
        future_skew_max=_duration(source.future_skew_max),
        freshness_slo=_duration(source.freshness_slo),
        snapshot_semantics=api.SnapshotSemantics(
            includes_picked=source.includes_picked, includes_allocated=source.includes_allocated
        ),
        instant_rule=api.StockSource.InstantRule.Value(f"INSTANT_RULE_{source.instant_rule.value}"),
        owns=[
            api.Ownership(
                location=owned.location, states=[to_bucket(s) for s in sorted(owned.states)]
            )
            for owned in source.owns
        ],
        lenient=source.lenient,
        version=source.version,
    )


def _duration(value: timedelta | None) -> Duration | None:
    if value is None:
        return None
    message = Duration()
    message.FromTimedelta(value)
    return message


def from_header(message: signals.SnapshotHeader, tenant: str) -> SnapshotHeader:
    """The header of a snapshot. Raises UnsupportedEnum for a state of a newer contract."""
    scope = signals.SnapshotScope.Name(message.scope).removeprefix("SNAPSHOT_SCOPE_")
    return SnapshotHeader(
        source=SourceKey(tenant, message.source),
        location=message.location,
        scope=SnapshotScope(scope),
        declared_rows=message.declared_rows,
        as_of=from_time(message.as_of_time),
        sequence=message.sequence,
        epoch=message.epoch,
        state=from_state(message.state, "header.state"),
        checksum=message.checksum,
        covers=dict(message.covers),
        reference=message.reference,
    )


def to_job(job: SnapshotJob) -> signals.SnapshotJob:
    """A snapshot on its way."""
    header = job.header
    return signals.SnapshotJob(
        id=job.id,
        header=signals.SnapshotHeader(
            source=header.source.source,
            sequence=header.sequence,
            epoch=header.epoch,
            scope=signals.SnapshotScope.Value(f"SNAPSHOT_SCOPE_{header.scope.value}"),
            location=header.location,
            state=to_bucket(header.state),
            declared_rows=header.declared_rows,
            checksum=header.checksum,
            as_of_time=to_time(header.as_of),
            covers=dict(header.covers),
            reference=header.reference,
        ),
        state=signals.SnapshotJob.State.Value(f"STATE_{job.state}"),
        received_rows=job.received_rows,
        applied_rows=job.applied_rows,
        total_rows=job.total_rows,
        changed_rows=job.changed_rows,
        reason=job.reason,
        create_time=to_time(job.created_at),
        finish_time=to_time(job.finished_at) if job.finished_at else None,
    )


def to_parked(parked: Parked) -> signals.ParkedSignal:
    """A parked signal as it stands."""
    return signals.ParkedSignal(
        id=parked.id,
        signal=to_signal(parked.signal),
        reason=parked.reason,
        state=signals.ParkedSignal.State.Value(f"STATE_{parked.state}"),
        park_time=to_time(parked.parked_at),
        resolution_reason=parked.resolution_reason,
        resolved_by=parked.resolved_by,
    )


def to_resync(request: ResyncRequest) -> signals.ResyncRequest:
    """An open wish to a source."""
    return signals.ResyncRequest(
        id=request.id,
        kind=signals.ResyncKind.Value(f"RESYNC_KIND_{request.kind.value}"),
        range=signals.SequenceRange(first=request.first, last=request.last),
        cause=request.cause,
        create_time=to_time(request.created_at),
        asked_times=request.asked_times,
    )


def to_count_request(request: CountRequest) -> ops.CountRequest:
    """A count somebody asked for."""
    return ops.CountRequest(
        id=request.id,
        sku=request.key.sku,
        location=request.key.location,
        state=to_bucket(request.state),
        reason=request.reason,
        create_time=to_time(request.created_at),
        count_time=to_time(request.counted_at) if request.counted_at else None,
    )
