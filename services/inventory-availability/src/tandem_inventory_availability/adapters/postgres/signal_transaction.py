"""The port of signals on one open unit of work.

Locks are taken in the order of all transactions on stock: streams, then what reservations lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.message import Message
from sqlalchemy import text
from tandem.inventory.v1 import events_pb2
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import (
    conflict_rows,
    expired_holds,
    reservation_rows,
    signal_row_writes,
    signal_rows,
    source_rows,
    stock_rows,
)
from tandem_inventory_availability.adapters.postgres.policy_rows import load_policies
from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.adapters.wire.stock_mapping import to_bucket, to_time
from tandem_inventory_availability.domain.signal_book import SignalBook, Variance
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import Bucket
from tandem_inventory_availability.domain.stock_signal import SourceKey, StockSignal

VARIANCES_OF_EVENT_MAX = 1_000
"""More would not fit into one event."""
LARGE_SIGNALS_MIN = 50
# A plan made for any number of rows is one for a few: with hundreds it reads tables many times.
_PLAN_EACH = text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")


class PostgresSignalTransaction:
    """Signals' rows in one unit of work."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._stock = PostgresStockTransaction(unit)

    async def open(self, signals: Sequence[StockSignal], now: datetime) -> SignalBook:
        """The rows of a batch of signals, locked in the order of all commands."""
        connection = self._unit.connection
        if len(signals) > LARGE_SIGNALS_MIN:
            await connection.execute(_PLAN_EACH)
        registries = await source_rows.registries(connection, {s.key.tenant for s in signals})
        wanted = [signal.source for signal in signals]
        streams = await source_rows.lock_streams(connection, wanted, registries)
        # Without a registered source nothing is looked up: they are refused one by one.
        told = [streams[s.source].ranked(s) for s in signals if s.source in streams]
        stock = StockBook(now)
        keys = {s.key for s in told} | (await signal_rows.closing(connection, told))
        await stock_rows.lock_positions(connection, stock, keys)
        await self._load_claims(stock, told)
        book = SignalBook(stock, streams)
        await signal_rows.load_feeds(connection, book)
        others = {feed.source for feed in book.feeds} - set(streams)
        book.streams |= await source_rows.streams(connection, others, registries)
        await signal_rows.load_known(connection, book, told)
        await signal_rows.load_for_counts(connection, book, told)
        await signal_rows.load_scales(connection, book, told)
        return book

    async def _load_claims(self, stock: StockBook, signals: Sequence[StockSignal]) -> None:
        connection = self._unit.connection
        tenants = {key.tenant for key in stock.positions}
        stock.policies = await load_policies(connection, tenants)
        shipments = {(s.key.tenant, s.reference) for s in signals if s.reference}
        for item in await reservation_rows.evidence(connection, shipments):
            stock.evidence[item.key] = item
        claimants = {
            (item.key.stock.tenant, claim.reservation_id)
            for item in stock.evidence.values()
            for claim in item.claims
        }
        stock.remember(await reservation_rows.reservations(connection, claimants, lock=True))
        await expired_holds.load(connection, stock)

    async def store(self, book: SignalBook) -> None:
        """Writes all changes by signals and records their events."""
        now = book.stock.now
        self._tell_sources(book)
        await signal_row_writes.save(self._unit.connection, book, now)
        wanted = [(key, state, reason) for (key, state), reason in book.recounts.items()]
        for asked in await signal_row_writes.ask_for_counts(self._unit.connection, wanted, now):
            self.tell_count(asked, now)
        await conflict_rows.complete(self._unit.connection, book.stock)
        await self._stock.store(book.stock)

    def tell_stream(self, stream: SourceStream, message: Message, now: datetime) -> None:
        """Records an event of a locked stream, whose next version it is."""
        stream.version += 1
        self._unit.record(
            event_from(
                message,
                aggregate_type="stock_source",
                aggregate_id=stream.key.source,
                aggregate_version=stream.version,
                occurred_at=now,
                tenant=stream.key.tenant,
            )
        )

    def tell_count(self, asked: signal_row_writes.Asked, now: datetime) -> None:
        """Records that somebody shall count."""
        tenant, request_id, sku, location, state, reason = asked
        message = events_pb2.StockCountRequested(
            sku=sku, location=location, state=to_bucket(Bucket(state)), reason=reason
        )
        self._unit.record(
            event_from(
                message,
                aggregate_type="count_request",
                aggregate_id=request_id,
                aggregate_version=1,
                occurred_at=now,
                tenant=tenant,
            )
        )

    def _tell_sources(self, book: SignalBook) -> None:
        now = book.stock.now
        for key in sorted(book.recovered):
            stream = book.streams[key]
            told = events_pb2.StockSourceRecovered(source=key.source)
            if stream.reported_at:
                told.report_time.CopyFrom(to_time(stream.reported_at))
            self.tell_stream(stream, told, now)
        by_source: dict[SourceKey, list[Variance]] = {}
        for variance in book.variances:
            by_source.setdefault(variance.signal.source, []).append(variance)
        for key, found in sorted(by_source.items()):
            for start in range(0, len(found), VARIANCES_OF_EVENT_MAX):
                part = found[start : start + VARIANCES_OF_EVENT_MAX]
                self.tell_stream(book.streams[key], _variances(key, part), now)


def _variances(source: SourceKey, found: Sequence[Variance]) -> events_pb2.SnapshotVarianceBooked:
    return events_pb2.SnapshotVarianceBooked(
        source=source.source,
        variances=[
            events_pb2.SnapshotVariance(
                sku=item.signal.key.sku,
                location=item.signal.key.location,
                state=to_bucket(item.signal.state),
                variance=item.quantity,
                position=item.position,
                reference=item.signal.reference,
                as_of_time=to_time(item.signal.effective_at),
            )
            for item in found
        ],
    )
