"""A service that others listen to, in miniature: a real journal, its real rpc, a bus by hand.

What a relay does at once is done here in steps, so that a test decides what is delivered twice,
late, or never.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from google.protobuf.message import Message
from tandem.options.v1 import event_pb2
from tandem_core.ids import Uuid7Factory
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal, JournalEvent, event_from, published_headers
from tandem_platform.event_subjects import area_of_type, subject_of
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.internal_token import TokenVerifier
from tandem_platform.jetstream import JetStream, Outgoing
from tandem_platform.journal_reader import JournalServicer
from tandem_platform.journal_store import JournalStore
from tandem_platform.pagination import PageTokens
from tandem_platform.partitions import partition_of
from tandem_platform.settings import ServiceSettings
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_testing.eventually import eventually
from tandem_testing.grpc_wire import TENANT

PARTITIONS = 4


@dataclass
class SourceService:
    """Tells events of one area; ``port`` answers for its journal."""

    name: str
    port: int
    units: UnitOfWorkFactory
    bus: JetStream
    _versions: dict[tuple[str, str], int] = field(default_factory=dict)

    async def record(self, aggregate_id: str, *messages: Message) -> list[JournalEvent]:
        """Writes the next events of an aggregate to the journal, and nowhere else."""
        events = [self._next(aggregate_id, message) for message in messages]
        async with self.units() as uow:
            for event in events:
                uow.record(event)
            await uow.commit()
        return events

    def _next(self, aggregate_id: str, message: Message) -> JournalEvent:
        declared = message.DESCRIPTOR.GetOptions().Extensions[event_pb2.event]
        key = (declared.aggregate_type, aggregate_id)
        self._versions[key] = self._versions.get(key, 0) + 1
        return event_from(
            message,
            aggregate_type=declared.aggregate_type,
            aggregate_id=aggregate_id,
            aggregate_version=self._versions[key],
            occurred_at=datetime.now(UTC),
            tenant=TENANT,
        )

    async def publish(self, events: Sequence[JournalEvent]) -> None:
        """Delivers events in this order, each under a message id of its own: the bus drops none."""
        ids = Uuid7Factory()
        for event in events:
            subject = subject_of(event.event_type, partition_of(event.partition_key, PARTITIONS))
            headers = published_headers(event, self.name)
            outgoing = Outgoing(subject, ids.new_id(), event.payload, headers)
            await self.bus.publish_batch([outgoing])

    async def tell(self, aggregate_id: str, *messages: Message) -> list[JournalEvent]:
        """Records and publishes, as a relay does on a quiet day."""
        events = await self.record(aggregate_id, *messages)
        await self.publish(events)
        return events


async def _connected(bus: JetStream) -> bool:
    return bus.connected


@asynccontextmanager
async def source_service(
    name: str, message: type[Message], database_url: str, bus: JetStream, trusted: Mapping[str, str]
) -> AsyncIterator[SourceService]:
    """The service ``name`` that tells events of the area of ``message``; its database has the
    platform's tables; ``trusted`` are public keys of who may read its journal."""
    area = area_of_type(message.DESCRIPTOR.full_name)
    database = Database(database_url)
    settings = ServiceSettings(
        service_name=name, area=area, drain_wait_ms=0, drain_grace_ms=500, grpc_port=0
    )
    servicer = JournalServicer(JournalStore(database), name, PageTokens(b"k" * 32))
    server = GrpcServer(settings, [servicer], verifier=TokenVerifier(name, trusted))
    await eventually(partial(_connected, bus), True)
    await bus.ensure_stream(f"EVT_{area.upper()}")
    await server.start()
    units = UnitOfWorkFactory(database, EventJournal(area, PARTITIONS))
    try:
        yield SourceService(name, server.port, units, bus)
    finally:
        await server.drain()
        await database.close()
