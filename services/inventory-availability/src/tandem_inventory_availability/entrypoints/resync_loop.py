"""Watches the streams of sources: who is silent, whose numbers are missing, who is to be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tandem.inventory.v1 import events_pb2
from tandem_core.clock import Clock
from tandem_core.ids import IdFactory
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres import (
    resync_rows,
    snapshot_rows,
    source_rows,
)
from tandem_inventory_availability.adapters.postgres.signal_transaction import (
    PostgresSignalTransaction,
)
from tandem_inventory_availability.adapters.postgres.source_store import PostgresStreamStore
from tandem_inventory_availability.adapters.wire.stock_mapping import to_time
from tandem_inventory_availability.domain.resync import ResyncKind
from tandem_inventory_availability.domain.signal_source import Sequencing
from tandem_inventory_availability.domain.stock_signal import SourceKey

STREAMS_OF_ROUND_MAX = 500
SPEAKING_STREAMS_MAX = 20_000
OPEN_SNAPSHOT_MAX = timedelta(hours=24)
"""A snapshot nobody closes for longer is refused, and its rows are forgotten."""


class StreamWatch:
    """One round looks at at most STREAMS_OF_ROUND_MAX streams of each kind.

    A gap that lasts ``gap_wait`` is told to the source, again after longer and longer pauses.
    """

    def __init__(
        self, units: UnitOfWorkFactory, clock: Clock, ids: IdFactory, *, gap_wait: timedelta
    ) -> None:
        self._units = units
        self._clock = clock
        self._ids = ids
        self._gap_wait = gap_wait

    async def watch(self) -> int:
        """One round; how many events it told."""
        now = self._clock.now()
        silent = await self._find_silent(now)
        await self._find_gaps(now)
        async with self._units.database.transaction() as connection:
            await snapshot_rows.abandon(connection, now - OPEN_SNAPSHOT_MAX, now)
        async with self._units.database.transaction() as connection:
            keys = await resync_rows.due(connection, now, STREAMS_OF_ROUND_MAX)
        told = 0
        for key in silent:
            told += await self._tell_stale(key, now)
        for key in keys:
            told += await self._ask(key, now)
        return told

    async def _find_silent(self, now: datetime) -> list[SourceKey]:
        async with self._units.database.transaction() as connection:
            found = await resync_rows.speaking(connection, SPEAKING_STREAMS_MAX)
            tenants = {key.tenant for key, _ in found}
            registries = await source_rows.registries(connection, tenants)
        silent = []
        for key, reported_at in found:
            source = registries[key.tenant].of(key.source)
            if source is not None and reported_at + source.freshness_slo < now:
                silent.append(key)
        return silent

    async def _find_gaps(self, now: datetime) -> None:
        async with self._units() as uow:
            await resync_rows.close_done(uow.connection, now)
            for key in await resync_rows.new_gaps(uow.connection, STREAMS_OF_ROUND_MAX):
                times = (now, now + self._gap_wait)
                await resync_rows.watch_gap(uow.connection, key, self._ids.new_id(), times)
            await uow.commit()

    async def _tell_stale(self, key: SourceKey, now: datetime) -> int:
        async with self._units() as uow:
            store = PostgresStreamStore(uow)
            stream = await store.lock(key)
            # It may have spoken since it was found silent.
            if stream is None or stream.stale or stream.reported_at is None:
                return 0
            if stream.reported_at + stream.source.freshness_slo >= now:
                return 0
            stream.stale = True
            message = events_pb2.StockSourceStale(source=key.source)
            message.report_time.CopyFrom(to_time(stream.reported_at))
            PostgresSignalTransaction(uow).tell_stream(stream, message, now)
            await store.save(stream)
            await uow.commit()
        return 1

    async def _ask(self, key: SourceKey, now: datetime) -> int:
        async with self._units() as uow:
            store = PostgresStreamStore(uow)
            stream = await store.lock(key)
            if stream is None:
                return 0
            request = await resync_rows.due_request(uow.connection, key, now)
            if request is None:
                return 0
            if request.kind is ResyncKind.REPLAY and stream.source.sequencing is Sequencing.SEQ:
                holes = stream.seen.holes
                if holes:
                    request = replace(request, first=holes[0][0], last=holes[-1][1])
            if request.kind is ResyncKind.SNAPSHOT or not request.first:
                request = replace(request, kind=ResyncKind.SNAPSHOT, first=0, last=0)
            store.tell(stream, replace(request, next_at=now))
            after = request.asked(now, self._gap_wait)
            await resync_rows.asked(uow.connection, key.tenant, after)
            await store.save(stream)
            await uow.commit()
        return 1
