"""The registry of sources and single streams on one open unit of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem.inventory.v1 import events_pb2
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import source_rows
from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.domain.resync import ResyncKind, ResyncRequest
from tandem_inventory_availability.domain.signal_source import SignalSource, SourceRegistry
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_position import Bucket
from tandem_inventory_availability.domain.stock_signal import SourceKey

_REMOVE = text("DELETE FROM signal_source WHERE tenant = :tenant AND id = ANY(:ids)")
_STREAMS = text("SELECT source FROM stock_source WHERE tenant = :tenant ORDER BY source")
_COUNTED = text("""
    SELECT source, location, state, count(*) FROM stock_feed
    WHERE tenant = :tenant AND COALESCE(base_own, snapshot_sequence >= 0) GROUP BY 1, 2, 3
""")
_LET_GO = text("""
    UPDATE stock_signal SET held = false
    WHERE held AND tenant = :tenant AND source = :source AND epoch < :epoch
""")
# One wish per stream is open; a later one takes its place and begins to count anew.
_CLOSE = text("""
    UPDATE resync_request SET closed_at = :now
    WHERE tenant = :tenant AND source = :source AND closed_at IS NULL
""")
_ASK = text("""
    INSERT INTO resync_request (tenant, id, source, epoch, kind, first_sequence, last_sequence,
                                cause, created_at, next_at, asked_times)
    VALUES (:tenant, :id, :source, :epoch, :kind, :first, :last, :cause, :created_at, :next_at,
            :asked_times)
""")


class PostgresSourceStore:
    """The registry of sources."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def read(self, tenant: str) -> SourceRegistry:
        """The sources as they stand."""
        return (await source_rows.registries(self._connection, [tenant]))[tenant]

    async def lock(self, tenant: str) -> SourceRegistry:
        """The sources, about to change."""
        return await source_rows.lock_registry(self._connection, tenant)

    async def put(
        self, tenant: str, sources: Sequence[SignalSource], replaced: Sequence[str]
    ) -> None:
        """Writes sources and removes those they replace."""
        if replaced:
            await self._connection.execute(_REMOVE, {"tenant": tenant, "ids": list(replaced)})
        await source_rows.put_sources(self._connection, tenant, sources)

    async def counted(self, tenant: str) -> Mapping[tuple[str, str, Bucket], int]:
        """How many positions each stream counted, by stream, location and state."""
        rows = await self._connection.execute(_COUNTED, {"tenant": tenant})
        return {(row[0], row[1], Bucket(row[2])): row[3] for row in rows}

    async def streams(self, tenant: str) -> Sequence[str]:
        """Streams that ever reported."""
        rows = await self._connection.execute(_STREAMS, {"tenant": tenant})
        return [row[0] for row in rows]


class PostgresStreamStore:
    """One stream."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._signals = PostgresSignalTransaction(unit)

    async def lock(self, key: SourceKey) -> SourceStream | None:
        """The stream, about to change; None when it never reported or is not registered."""
        connection = self._unit.connection
        registries = await source_rows.registries(connection, [key.tenant])
        if not await source_rows.streams(connection, [key], registries):
            return None
        return (await source_rows.lock_streams(connection, [key], registries)).get(key)

    async def save(self, stream: SourceStream) -> None:
        """Writes the stream."""
        await source_rows.save_streams(self._unit.connection, [stream])

    async def let_go(self, stream: SourceStream) -> None:
        """Forgets what is kept back of older epochs."""
        named = {**vars(stream.key), "epoch": stream.epoch}
        await self._unit.connection.execute(_LET_GO, named)

    async def ask(self, stream: SourceStream, request: ResyncRequest) -> ResyncRequest:
        """Keeps the stream's open request, in place of an earlier one, and tells the source."""
        now = request.next_at
        await self._unit.connection.execute(_CLOSE, {**vars(stream.key), "now": now})
        values = {**vars(stream.key), **vars(request), "epoch": stream.epoch}
        await self._unit.connection.execute(_ASK, values)
        self.tell(stream, request)
        return request

    def tell(self, stream: SourceStream, request: ResyncRequest) -> None:
        """Records the event connectors act on."""
        message = events_pb2.StockResyncRequested(
            resync_request_id=request.id,
            source=stream.key.source,
            epoch=stream.epoch,
            snapshot=request.kind is ResyncKind.SNAPSHOT,
            first_sequence=request.first,
            last_sequence=request.last,
            cause=request.cause,
        )
        self._signals.tell_stream(stream, message, request.next_at)
