"""A producer and a consumer service in miniature, on real Postgres and NATS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import grpc
from sqlalchemy import text
from tandem.order.v1 import events_pb2
from tandem_core.clock import SystemClock
from tandem_core.errors import DomainError
from tandem_core.ids import Uuid7Factory
from tandem_platform.consumer import Consumer, ConsumerParts, ConsumerRunner
from tandem_platform.database import Database
from tandem_platform.delivery import Delivery, from_record
from tandem_platform.event_journal import EventJournal, JournalEvent, event_from
from tandem_platform.jetstream import JetStream
from tandem_platform.journal_reader import JournalPage, to_record
from tandem_platform.journal_store import JournalStore, NewestVersion, VersionsQuery
from tandem_platform.relay import Relay
from tandem_platform.remote_error import RemoteError
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

STREAM = "EVT_ORDER"
SOURCE = "order-orchestrator"
PARTITIONS = 4
TENANT = "acme"
CONSUMER = "finance-posting-evt_order"
WAIT_S = 20.0


async def eventually(check: Callable[[], Awaitable[bool]], wait_s: float = WAIT_S) -> None:
    """Waits for a condition with a deadline."""
    deadline = time.monotonic() + wait_s
    while not await check():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


def event(order_id: str, version: int, reason: str = "ok") -> JournalEvent:
    """An order event whose text a consumer reads."""
    return event_from(
        events_pb2.OrderRejected(order_id=order_id, reason=reason),
        aggregate_type="order",
        aggregate_id=order_id,
        aggregate_version=version,
        occurred_at=datetime.now(UTC),
        tenant=TENANT,
    )


class Producer:
    """A service with a journal and a relay."""

    def __init__(self, url: str, bus: JetStream | None, replica: str = "p-1") -> None:
        self.database = Database(url, pool_size=20)
        self.journal = EventJournal("order", PARTITIONS)
        self.units = UnitOfWorkFactory(self.database, self.journal)
        self.relay = Relay(self.database, self.journal, bus, SOURCE, replica) if bus else None

    async def step(self, order_id: str, reason: str = "ok") -> int:
        """Moves an aggregate one version on and records it."""
        async with self.units() as uow:
            found = await uow.connection.execute(_STEP, {"id": order_id})
            version = int(found.scalar_one())
            uow.record(event(order_id, version, reason))
            await uow.commit()
        return version

    async def unpublished(self) -> int:
        return await scalar(
            self.database, "SELECT count(*) FROM event_journal WHERE published_at IS NULL"
        )


_STEP = text("""
    INSERT INTO counter AS c (id, version) VALUES (:id, 1)
    ON CONFLICT (id) DO UPDATE SET version = c.version + 1 RETURNING version
""")


@asynccontextmanager
async def producing(
    url: str, bus: JetStream | None, replica: str = "p-1"
) -> AsyncIterator[Producer]:
    producer = Producer(url, bus, replica)
    if producer.relay:
        await producer.relay.start()
    try:
        yield producer
    finally:
        if producer.relay:
            await producer.relay.stop()
        await producer.database.close()


async def scalar(database: Database, sql: str) -> int:
    async with database.transaction() as connection:
        return int((await connection.execute(text(sql))).scalar_one())


class DirectJournal:
    """The producer's journal without a wire; ``reachable`` False acts like a dead service."""

    def __init__(self, database: Database) -> None:
        self._store = JournalStore(database)
        self.reachable = True
        self.reads = 0

    async def read(self, key, from_version: int, to_version: int) -> JournalPage:  # noqa: ANN001
        self._answering()
        self.reads += 1
        stored, newest = await self._store.events(key, from_version, to_version)
        return JournalPage([from_record(to_record(s, SOURCE), SOURCE) for s in stored], newest)

    async def versions(
        self, query: VersionsQuery, page_token: str
    ) -> tuple[Sequence[NewestVersion], str]:
        self._answering()
        return await self._store.versions(query, None, 10_000), ""

    def _answering(self) -> None:
        if not self.reachable:
            raise RemoteError(grpc.StatusCode.UNAVAILABLE, "gone")


class Refused(DomainError):
    """The rule the tests break."""

    reason = "VALIDATION_FAILED"


class Projection:
    """Applies order events; texts choose what goes wrong."""

    def __init__(self, url: str, bus: JetStream, journal: DirectJournal, replica: str) -> None:
        self.database = Database(url, pool_size=10)
        self.units = UnitOfWorkFactory(self.database, EventJournal("finance", PARTITIONS))
        self.transient_failures_left = 0
        parts = ConsumerParts(
            units=self.units,
            bus=bus,
            clock=SystemClock(),
            ids=Uuid7Factory(),
            partitions=PARTITIONS,
            replica=replica,
        )
        declared = Consumer(CONSUMER, STREAM, frozenset({"order"}), self.apply)
        self.runner = ConsumerRunner(declared, parts, journal)

    async def apply(self, uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            message = events_pb2.OrderRejected.FromString(delivery.payload)
            if message.reason == "poison":
                raise Refused
            if message.reason == "bug":
                raise KeyError("a fault of ours")
            if self.transient_failures_left:
                self.transient_failures_left -= 1
                raise ConnectionError("away for a moment")
            await uow.connection.execute(
                text("INSERT INTO projection (agg_id, version, reason) VALUES (:i, :v, :r)"),
                {"i": delivery.aggregate_id, "v": delivery.aggregate_version, "r": message.reason},
            )

    async def count(self) -> int:
        return await scalar(self.database, "SELECT count(*) FROM projection")

    async def out_of_order(self) -> int:
        """Rows whose predecessor version was applied later; must be 0."""
        return await scalar(
            self.database,
            """SELECT count(*) FROM projection a JOIN projection b
               ON a.agg_id = b.agg_id AND a.version < b.version AND a.position > b.position""",
        )

    async def has(self, count: int) -> None:
        """Waits until so many events are applied."""

        async def reached() -> bool:
            return await self.count() >= count

        await eventually(reached)
        assert await self.count() == count


@asynccontextmanager
async def consuming(
    url: str, bus: JetStream, journal: DirectJournal, replica: str = "c-1"
) -> AsyncIterator[Projection]:
    projection = Projection(url, bus, journal, replica)
    await projection.runner.start()
    try:
        yield projection
    finally:
        await projection.runner.stop()
        await projection.database.close()
