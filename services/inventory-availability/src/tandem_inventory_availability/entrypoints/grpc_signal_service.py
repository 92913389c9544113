"""`tandem.inventory.v1.SignalService`: reports of physical stock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import RowMapping
from tandem.inventory.v1 import signal_service_pb2 as api
from tandem.inventory.v1 import signal_service_pb2_grpc
from tandem_platform.pagination import page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import parked_rows, stream_reads
from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.adapters.stock_writes import carrier
from tandem_inventory_availability.adapters.wire.signal_mapping import (
    from_signal,
    to_outcome,
    to_result,
)
from tandem_inventory_availability.adapters.wire.source_mapping import to_parked
from tandem_inventory_availability.adapters.wire.stock_mapping import to_bucket, to_time
from tandem_inventory_availability.application.register_publications import (
    Publication,
    register_publications,
)
from tandem_inventory_availability.application.resolve_parked_signal import (
    Resolution,
    ResolveParkedSignal,
    resolve_parked_signal,
)
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import SignalOutcome, SourceKey, StockSignal
from tandem_inventory_availability.entrypoints.grpc_snapshot_rpcs import SnapshotRpcs
from tandem_inventory_availability.entrypoints.grpc_stream_rpcs import StreamRpcs
from tandem_inventory_availability.entrypoints.signal_doors import SignalDoors


class SignalService(SnapshotRpcs, StreamRpcs, signal_service_pb2_grpc.SignalServiceServicer):
    """Maps requests to signals; snapshots and streams have their own files."""

    def __init__(self, doors: SignalDoors) -> None:
        SnapshotRpcs.__init__(self, doors)
        StreamRpcs.__init__(self, doors)

    async def SubmitSignals(
        self, request: api.SubmitSignalsRequest, context: Any
    ) -> api.SubmitSignalsResponse:
        """Applies signals, each with its own outcome."""
        return await self._doors.writes.submit(request, _signals(request))

    async def StreamSignals(
        self, requests: AsyncIterator[api.StreamSignalsRequest], context: Any
    ) -> AsyncIterator[api.StreamSignalsResponse]:
        """Applies signals as they come; the next message is read when this one is answered."""
        async for request in requests:
            answer = await self._doors.writes.submit(request, _signals(request))
            yield api.StreamSignalsResponse(request_id=request.request_id, results=answer.results)

    async def GetSignalOutcome(
        self, request: api.GetSignalOutcomeRequest, context: Any
    ) -> api.GetSignalOutcomeResponse:
        """What became of a signal."""
        named = (request.source, request.epoch, request.sequence, request.signal_id)
        async with self._doors.database.transaction() as connection:
            found = await stream_reads.outcome(connection, current_caller().tenant, named)
        return api.GetSignalOutcomeResponse(lines=[_line(row) for row in found])

    async def ListParkedSignals(
        self, request: api.ListParkedSignalsRequest, context: Any
    ) -> api.ListParkedSignalsResponse:
        """A page of parked signals."""
        rows = page_size(request.page_size)
        token = self._doors.page_tokens.decode(request.page_token, request)
        after = (str(token[0]), str(token[1])) if token else None
        wanted = (request.source, request.include_resolved)
        async with self._doors.database.transaction() as connection:
            found = await parked_rows.parked_signals(
                connection, current_caller().tenant, wanted, after, rows + 1
            )
        next_token = ""
        if len(found) > rows:
            last = found[rows - 1]
            next_token = self._doors.page_tokens.encode(
                (last.parked_at.isoformat(), last.id), request
            )
        return api.ListParkedSignalsResponse(
            parked_signals=[to_parked(item) for item in found[:rows]], next_page_token=next_token
        )

    async def ResolveParkedSignal(
        self, request: api.ResolveParkedSignalRequest, context: Any
    ) -> api.ResolveParkedSignalResponse:
        """Somebody decided."""
        caller = current_caller()
        named = api.ResolveParkedSignalRequest.Resolution.Name(request.resolution)
        edited = None
        if request.HasField("edited"):
            edited = from_signal(request.edited, caller.tenant, "edited", carrier())
        wanted = ResolveParkedSignal(
            tenant=caller.tenant,
            parked_id=request.parked_signal_id,
            resolution=Resolution(named.removeprefix("RESOLUTION_")),
            edited=edited,
            reason=request.reason,
            actor=caller.subject,
        )

        async def resolve(uow: UnitOfWork) -> api.ResolveParkedSignalResponse:
            store = parked_rows.PostgresParkedStore(uow.connection)
            transaction, now = PostgresSignalTransaction(uow), self._doors.clock.now()
            result = await resolve_parked_signal(store, transaction, wanted, now)
            return api.ResolveParkedSignalResponse(result=to_result(result))

        return await self._doors.idempotent.run(request, resolve)

    async def RegisterPublications(
        self, request: api.RegisterPublicationsRequest, context: Any
    ) -> api.RegisterPublicationsResponse:
        """Keeps what was told to sources."""
        tenant = current_caller().tenant
        publications = [
            Publication(
                SourceKey(tenant, item.source),
                StockKey(tenant, item.sku, item.location),
                item.quantity,
                item.correlation_token,
            )
            for item in request.publications
        ]

        async def keep(uow: UnitOfWork) -> api.RegisterPublicationsResponse:
            store = parked_rows.PostgresPublicationStore(uow.connection)
            kept = await register_publications(store, publications, self._doors.clock.now())
            return api.RegisterPublicationsResponse(kept_count=kept)

        return await self._doors.idempotent.run(request, keep)


def _signals(
    request: api.SubmitSignalsRequest | api.StreamSignalsRequest,
) -> tuple[StockSignal, ...]:
    tenant, origin = current_caller().tenant, carrier()
    return tuple(
        from_signal(message, tenant, f"signals[{number}]", origin)
        for number, message in enumerate(request.signals)
    )


def _line(row: RowMapping) -> api.SignalJournalLine:
    return api.SignalJournalLine(
        sku=row["sku"],
        location=row["location"],
        state=to_bucket(Bucket(row["state"])),
        kind=row["kind"],
        quantity=row["quantity"],
        outcome=to_outcome(SignalOutcome(row["outcome"])),
        held=row["held"],
        ambiguous=row["ambiguous"],
        effective_time=to_time(row["effective_at"]),
        record_time=to_time(row["recorded_at"]),
    )
