"""The rpcs of `SignalService` on streams: where they stand, resync, epochs, replay."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tandem.inventory.v1 import signal_service_pb2 as api
from tandem_core.errors import NotFound
from tandem_platform.pagination import page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import stream_reads
from tandem_inventory_availability.adapters.postgres.replay_rows import PostgresReplayStore
from tandem_inventory_availability.adapters.postgres.source_store import PostgresStreamStore
from tandem_inventory_availability.adapters.wire.source_mapping import to_resync
from tandem_inventory_availability.adapters.wire.stock_mapping import to_bucket, to_time
from tandem_inventory_availability.application.advance_epoch import advance_epoch
from tandem_inventory_availability.application.replay_signals import ReplaySignals, replay_signals
from tandem_inventory_availability.application.request_resync import RequestResync, request_resync
from tandem_inventory_availability.domain.resync import ResyncKind
from tandem_inventory_availability.domain.stock_signal import SourceKey
from tandem_inventory_availability.entrypoints.signal_doors import SignalDoors

GAPS_MAX = 100
DIFFERENCES_MAX = 250
NEVER_REPORTED_MS = -1


class StreamRpcs:
    """Streams of sources."""

    def __init__(self, doors: SignalDoors) -> None:
        self._doors = doors

    async def GetStreamState(
        self, request: api.GetStreamStateRequest, context: Any
    ) -> api.GetStreamStateResponse:
        """Where a stream stands."""
        tenant = current_caller().tenant
        async with self._doors.database.transaction() as connection:
            found = await stream_reads.stream(connection, tenant, request.source)
            if found is None:
                raise NotFound("stock stream", request.source)
            asked = await stream_reads.open_resyncs(connection, tenant, request.source)
        return api.GetStreamStateResponse(
            stream=_stream(found, self._doors.clock.now()),
            gaps=[api.SequenceRange(first=a, last=b) for a, b in found.seen.holes[:GAPS_MAX]],
            resync_requests=[to_resync(item) for item in asked],
        )

    async def ListStreams(
        self, request: api.ListStreamsRequest, context: Any
    ) -> api.ListStreamsResponse:
        """A page of streams."""
        rows, now = page_size(request.page_size), self._doors.clock.now()
        token = self._doors.page_tokens.decode(request.page_token, request)
        after = str(token[0]) if token else ""
        async with self._doors.database.transaction() as connection:
            tenant = current_caller().tenant
            found = await stream_reads.streams(connection, tenant, after, rows + 1)
        next_token = ""
        if len(found) > rows:
            next_token = self._doors.page_tokens.encode((found[rows - 1].source,), request)
        return api.ListStreamsResponse(
            streams=[_stream(item, now) for item in found[:rows]], next_page_token=next_token
        )

    async def RequestResync(
        self, request: api.RequestResyncRequest, context: Any
    ) -> api.RequestResyncResponse:
        """Asks a source to send again."""
        wanted = RequestResync(
            key=SourceKey(current_caller().tenant, request.source),
            kind=ResyncKind(api.ResyncKind.Name(request.kind).removeprefix("RESYNC_KIND_")),
            first=request.range.first,
            last=request.range.last,
            cause=request.reason,
        )

        async def ask(uow: UnitOfWork) -> api.RequestResyncResponse:
            store, request_id = PostgresStreamStore(uow), self._doors.ids.new_id()
            kept = await request_resync(store, wanted, request_id, self._doors.clock.now())
            return api.RequestResyncResponse(resync_request=to_resync(kept))

        return await self._doors.idempotent.run(request, ask)

    async def AdvanceEpoch(
        self, request: api.AdvanceEpochRequest, context: Any
    ) -> api.AdvanceEpochResponse:
        """Starts the numbering anew."""
        key = SourceKey(current_caller().tenant, request.source)

        async def advance(uow: UnitOfWork) -> api.AdvanceEpochResponse:
            asked = (self._doors.ids.new_id(), self._doors.clock.now())
            store = PostgresStreamStore(uow)
            epoch = await advance_epoch(store, key, request.expected_epoch, asked)
            return api.AdvanceEpochResponse(epoch=epoch)

        return await self._doors.idempotent.run(request, advance)

    async def ReplaySignals(
        self, request: api.ReplaySignalsRequest, context: Any
    ) -> api.ReplaySignalsResponse:
        """Compares positions with the journal."""
        wanted = ReplaySignals(
            tenant=current_caller().tenant,
            source=request.source,
            first_sku=request.first_sku,
            last_sku=request.last_sku,
            location=request.location,
            dry_run=request.dry_run,
        )

        async def replay(uow: UnitOfWork) -> api.ReplaySignalsResponse:
            store = PostgresReplayStore(uow)
            found = await replay_signals(store, wanted, self._doors.clock.now())
            return api.ReplaySignalsResponse(
                checked_positions=found.checked,
                next_sku=found.next_sku,
                differences=[
                    api.ReplayDifference(
                        sku=item.key.sku,
                        location=item.key.location,
                        state=to_bucket(item.state),
                        booked=item.booked,
                        replayed=item.replayed,
                    )
                    for item in found.differences[:DIFFERENCES_MAX]
                ],
            )

        return await self._doors.idempotent.run(request, replay)


def _stream(found: stream_reads.StreamStand, now: datetime) -> api.StockStream:
    at = found.reported_at
    lag_ms = int((now - at).total_seconds() * 1000) if at else NEVER_REPORTED_MS
    return api.StockStream(
        source=found.source,
        epoch=found.epoch,
        watermark=found.watermark,
        highest_sequence=found.seen.highest,
        gap_positions=found.gap_positions,
        held_signals=found.held_signals,
        parked_signals=found.parked_signals,
        report_time=to_time(at) if at else None,
        lag_ms=lag_ms,
        stale=found.stale,
        lost_up_to=found.seen.lost,
    )
