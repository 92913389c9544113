"""The availability service in the test process: real Postgres, real socket, a clock that stands."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text
from tandem.inventory.v1 import availability_service_pb2 as availability
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem.inventory.v1 import source_service_pb2 as sources
from tandem.inventory.v1.allocation_service_pb2_grpc import AllocationServiceStub
from tandem.inventory.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from tandem.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from tandem.inventory.v1.config_service_pb2_grpc import ConfigServiceStub
from tandem.inventory.v1.conflict_service_pb2_grpc import ConflictServiceStub
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tandem.inventory.v1.signal_service_pb2_grpc import SignalServiceStub
from tandem.inventory.v1.source_service_pb2_grpc import SourceServiceStub
from tandem.inventory.v1.stock_ops_service_pb2_grpc import StockOpsServiceStub
from tandem.inventory.v1.stock_position_pb2 import StockPosition
from tandem.inventory.v1.supply_service_pb2_grpc import SupplyServiceStub
from tandem_core.clock import FixedClock
from tandem_core.ids import Uuid7Factory
from tandem_inventory_availability.adapters.availability_batches import AvailabilityBatches
from tandem_inventory_availability.adapters.postgres.allocation_reads import AllocationReads
from tandem_inventory_availability.adapters.postgres.availability_reads import AvailabilityReads
from tandem_inventory_availability.adapters.postgres.conflict_reads import ConflictReads
from tandem_inventory_availability.adapters.postgres.stock_read_models import StockReadModels
from tandem_inventory_availability.adapters.postgres.supply_reads import SupplyReads
from tandem_inventory_availability.adapters.signal_writes import SignalWrites
from tandem_inventory_availability.adapters.stock_writes import StockWrites
from tandem_inventory_availability.domain.conflict_case import ConflictPolicy
from tandem_inventory_availability.entrypoints.availability_parts import AvailabilityParts
from tandem_inventory_availability.entrypoints.availability_watch import WatchHub
from tandem_inventory_availability.entrypoints.consumer_stock_feeds import StockFeeds
from tandem_inventory_availability.entrypoints.expiry_loop import ExpirySweeper
from tandem_inventory_availability.entrypoints.grpc_allocation_service import AllocationService
from tandem_inventory_availability.entrypoints.grpc_availability_service import AvailabilityService
from tandem_inventory_availability.entrypoints.grpc_catalog_service import CatalogService
from tandem_inventory_availability.entrypoints.grpc_config_service import ConfigService
from tandem_inventory_availability.entrypoints.grpc_conflict_service import ConflictService
from tandem_inventory_availability.entrypoints.grpc_reservation_service import ReservationService
from tandem_inventory_availability.entrypoints.grpc_signal_service import SignalService
from tandem_inventory_availability.entrypoints.grpc_source_service import SourceService
from tandem_inventory_availability.entrypoints.grpc_stock_ops_service import StockOpsService
from tandem_inventory_availability.entrypoints.grpc_supply_service import SupplyService
from tandem_inventory_availability.entrypoints.signal_doors import SignalDoors
from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_testing.grpc_wire import TENANT, serve_in_process

TEE, CAP, MUG = "TEE", "CAP", "MUG"
DC, DC2, STORE = "DC-1", "DC-2", "STORE-101"
SOFT, HARD = wire.RESERVATION_CLASS_SOFT, wire.RESERVATION_CLASS_HARD
SOURCE = "wms/main"


def new_id() -> str:
    return str(uuid.uuid4())


def at(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def line(sku: str, quantity: int, location: str = DC, line_id: str = "") -> api.ReserveLine:
    return api.ReserveLine(
        line_id=line_id or f"{sku}@{location}", sku=sku, location=location, quantity=quantity
    )


def reserve_request(
    *lines: api.ReserveLine, owner: str = "", kind: int = HARD, ttl_s: int = 0, request_id: str = ""
) -> api.ReserveRequest:
    return api.ReserveRequest(
        request_id=request_id or new_id(),
        owner=wire.ReservationOwner(type="order", id=owner or new_id()),
        channel="web",
        reservation_class=kind,
        time_to_live=Duration(seconds=ttl_s) if ttl_s else None,
        lines=lines,
    )


def owner(source: str, *locations: str, **values: object) -> sources.StockSource:
    """A numbered source that owns locations, all unless some are named."""
    fields: dict[str, object] = {
        "id": source,
        "sequencing": sources.StockSource.SEQUENCING_SEQ,
        "freshness_slo": Duration(seconds=3600),
        "owns": [sources.Ownership(location=name) for name in locations or ("*",)],
        **values,
    }
    return sources.StockSource(**fields)  # type: ignore[arg-type]  # fields by name


@dataclass
class Running:
    """The service and doors to it."""

    channel: ServiceChannel
    units: UnitOfWorkFactory
    database: Database
    read_models: StockReadModels
    clock: FixedClock
    feeds: StockFeeds

    def __post_init__(self) -> None:
        self.reservations = ReservationServiceStub(self.channel)
        self.availability = AvailabilityServiceStub(self.channel)
        self.catalog = CatalogServiceStub(self.channel)
        self.signals = SignalServiceStub(self.channel)
        self.sources = SourceServiceStub(self.channel)
        self.ops = StockOpsServiceStub(self.channel)
        self.config = ConfigServiceStub(self.channel)
        self.allocation = AllocationServiceStub(self.channel)
        self.conflicts = ConflictServiceStub(self.channel)
        self.supply = SupplyServiceStub(self.channel)

    async def catalogue(self, skus: Iterable[str] = (TEE, CAP, MUG)) -> None:
        items = [catalog.Item(sku=sku) for sku in skus]
        await self.catalog.PutItems(catalog.PutItemsRequest(request_id=new_id(), items=items))
        dc, store = catalog.Location.KIND_DISTRIBUTION_CENTRE, catalog.Location.KIND_STORE
        locations = [
            catalog.Location(id=DC, kind=dc, priority=1, ships=True),
            catalog.Location(id=DC2, kind=dc, priority=2, ships=True),
            catalog.Location(id=STORE, kind=store, priority=5, ships=False),
        ]
        await self.catalog.PutLocations(
            catalog.PutLocationsRequest(request_id=new_id(), locations=locations)
        )

    async def register(self, *wanted: sources.StockSource) -> sources.PutSourcesResponse:
        """Registers sources; without it their signals are refused."""
        request = sources.PutSourcesRequest(request_id=new_id(), sources=wanted)
        return await self.sources.PutSources(request)

    async def count(
        self, sku: str, quantity: int, location: str = DC, source: str = "", sequence: int = 1
    ) -> None:
        """A snapshot from a source of its own, unless one is named."""
        await self.signal(
            sku=sku,
            location=location,
            sequence=sequence,
            snapshot=quantity,
            source=source or f"count/{sku}/{location}",
        )

    async def signal(self, **values: object) -> signals.SignalResult:
        fields = {"source": SOURCE, "sku": TEE, "location": DC, **values}
        fields.setdefault("effective_time", at(self.clock.now()))
        request = signals.SubmitSignalsRequest(
            request_id=new_id(), signals=[signals.StockSignal(**fields)]
        )
        return (await self.signals.SubmitSignals(request)).results[0]

    async def reserve(self, *lines: api.ReserveLine, **values: object) -> wire.Reservation:
        request = reserve_request(*lines, **values)
        return (await self.reservations.Reserve(request)).reservation

    async def release(
        self, reservation_id: str, lines: Sequence[api.ReservationQuantity] = ()
    ) -> wire.Reservation:
        request = api.ReleaseReservationRequest(
            request_id=new_id(), reservation_id=reservation_id, lines=lines
        )
        return (await self.reservations.ReleaseReservation(request)).reservation

    async def confirm(self, reservation_id: str) -> wire.Reservation:
        request = api.ConfirmReservationRequest(request_id=new_id(), reservation_id=reservation_id)
        return (await self.reservations.ConfirmReservation(request)).reservation

    async def ship(
        self, reservation: wire.Reservation, reference: str, quantity: int
    ) -> wire.Reservation:
        """Ships units of the first line."""
        lines = [api.ReservationQuantity(line_id=reservation.lines[0].line_id, quantity=quantity)]
        request = api.SettleShipmentRequest(
            request_id=new_id(),
            reservation_id=reservation.id,
            shipment_ref=reference,
            lines=lines,
        )
        return (await self.reservations.SettleShipment(request)).reservation

    async def position(self, sku: str = TEE, location: str = DC) -> StockPosition:
        request = availability.ListStockPositionsRequest(sku=sku, location=location)
        found = (await self.availability.ListStockPositions(request)).stock_positions
        return found[0] if found else StockPosition(sku=sku, location=location)

    async def available(self, sku: str = TEE, location: str = DC) -> int:
        request = availability.GetAvailabilityRequest(skus=[sku], locations=[location])
        found = (await self.availability.GetAvailability(request)).availabilities
        return found[0].available if found else 0

    async def differences(self) -> list[str]:
        answer = await self.availability.VerifyIntegrity(availability.VerifyIntegrityRequest())
        return [f"{d.sku}@{d.location} {d.figure}" for d in answer.differences]

    async def rows(self, sql: str) -> list[tuple[object, ...]]:
        async with self.database.transaction() as connection:
            return [tuple(row) for row in await connection.execute(text(sql))]

    async def execute(self, sql: str) -> None:
        """Changes rows behind the service's back."""
        async with self.database.transaction() as connection:
            await connection.execute(text(sql))

    async def sweep(self) -> int:
        sweeper = ExpirySweeper(self.units, self.read_models, self.clock, rows_max=100)
        return await sweeper.sweep()


@asynccontextmanager
async def running_stock(
    url: str, clock: FixedClock, batch_max: int = 256, *, registered: bool = True
) -> AsyncIterator[Running]:
    database = Database(url, application_name="inventory test")
    units = UnitOfWorkFactory(database, EventJournal("inventory", 4))
    read_models = StockReadModels(database, clock)
    reads = AvailabilityReads(database, clock, fresh_for=timedelta(hours=1))
    writes = StockWrites(units, clock, batch_max=batch_max)
    idempotent = IdempotentWrites(units, clock)
    tokens = PageTokens(b"k" * 32)
    ids = Uuid7Factory(clock)
    batches = AvailabilityBatches(reads)
    parts = AvailabilityParts(database, clock, ids, reads, read_models, idempotent, tokens, batches)
    signal_writes = SignalWrites(units, clock)
    ids = Uuid7Factory(clock)
    doors = SignalDoors(units, signal_writes, idempotent, clock, ids, tokens)
    hub = WatchHub(database, reads)
    servicers = [
        ReservationService(writes, read_models, Uuid7Factory(clock), tokens),
        AvailabilityService(parts, hub),
        CatalogService(database, idempotent, tokens),
        ConflictService(
            idempotent, ConflictReads(database, clock), clock, tokens, ConflictPolicy()
        ),
        AllocationService(
            idempotent, AllocationReads(database, clock), clock, Uuid7Factory(clock), tokens
        ),
        ConfigService(database, idempotent, clock, tokens),
        SupplyService(idempotent, SupplyReads(database, clock), clock, tokens),
        SignalService(doors),
        SourceService(database, idempotent, tokens),
        StockOpsService(database, writes, idempotent, clock, tokens),
    ]
    watching = BackgroundLoop("watched stock", hub.poll, interval_s=0.02)
    queues = (writes.requests, signal_writes.small, signal_writes.large, watching, batches.queue)
    for queue in queues:
        await queue.start()
    try:
        async with serve_in_process(servicers) as channel:
            feeds = StockFeeds(clock, "inventory-availability")
            running = Running(channel, units, database, read_models, clock, feeds)
            await running.catalogue()
            if registered:
                await running.register(owner("*"))
            yield running
    finally:
        for queue in queues:
            await queue.stop()
        await database.close()


async def outcomes(*calls: object) -> list[object]:
    """Answers or errors of calls made at once."""
    return await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload]  # coroutines


__all__ = ["TENANT", "Running", "running_stock"]
