"""The composition root: the only module that knows every layer."""

from __future__ import annotations

from datetime import timedelta

from tandem_platform.background_loop import BackgroundLoop, Startable
from tandem_platform.consumer import Consumer
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.process import Runtime, ServiceParts
from tandem_platform.service_wiring import consumer_runners, platform_servicers, purge_loop

from tandem_inventory_availability.adapters.availability_batches import AvailabilityBatches
from tandem_inventory_availability.adapters.postgres.allocation_reads import AllocationReads
from tandem_inventory_availability.adapters.postgres.availability_reads import AvailabilityReads
from tandem_inventory_availability.adapters.postgres.conflict_reads import ConflictReads
from tandem_inventory_availability.adapters.postgres.promise_rows import PromisePurge
from tandem_inventory_availability.adapters.postgres.snapshot_chunks import SnapshotChunks
from tandem_inventory_availability.adapters.postgres.stock_read_models import StockReadModels
from tandem_inventory_availability.adapters.postgres.supply_reads import SupplyReads
from tandem_inventory_availability.adapters.signal_writes import SignalWrites
from tandem_inventory_availability.adapters.stock_writes import StockWrites
from tandem_inventory_availability.domain.conflict_case import ConflictPolicy
from tandem_inventory_availability.entrypoints.availability_parts import AvailabilityParts
from tandem_inventory_availability.entrypoints.availability_watch import WatchHub
from tandem_inventory_availability.entrypoints.backorder_loop import BackorderFiller
from tandem_inventory_availability.entrypoints.conflict_loop import ConflictDesk
from tandem_inventory_availability.entrypoints.consumer_stock_feeds import (
    AGGREGATE_TYPES,
    StockFeeds,
)
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
from tandem_inventory_availability.entrypoints.lease_loop import LeaseSweeper
from tandem_inventory_availability.entrypoints.publication_loop import ChannelPublisher
from tandem_inventory_availability.entrypoints.resync_loop import StreamWatch
from tandem_inventory_availability.entrypoints.signal_doors import SignalDoors
from tandem_inventory_availability.entrypoints.snapshot_loop import SnapshotApplier
from tandem_inventory_availability.entrypoints.supply_lateness_loop import SupplyLateness
from tandem_inventory_availability.settings import InventorySettings

PROMISE_PURGE_INTERVAL_S = 3_600.0


async def build(runtime: Runtime) -> ServiceParts:
    """Wires the service."""
    settings = runtime.settings
    assert isinstance(settings, InventorySettings)
    name, clock = settings.service_name, runtime.clock
    tokens = runtime.page_tokens
    read_models = StockReadModels(runtime.database, clock)
    writes = StockWrites(runtime.units, clock, batch_max=settings.group_commit_batch_max)
    idempotent = IdempotentWrites(runtime.units, clock)
    feeds = StockFeeds(clock, name)
    consumer = Consumer(f"{name}-evt_connector", "EVT_CONNECTOR", AGGREGATE_TYPES, feeds.apply)
    runners = consumer_runners(runtime, {"connectors": consumer})
    sweeper = ExpirySweeper(runtime.units, read_models, clock, rows_max=settings.sweep_rows_max)
    filler = BackorderFiller(runtime.units, read_models, clock)
    signals, signal_loops = _signals(runtime, settings, idempotent)
    promising, promising_loops = _promising(runtime, settings, idempotent, read_models)
    shares, conflicts, sharing_loops = _sharing(runtime, settings, idempotent)
    return ServiceParts(
        servicers=[
            ReservationService(writes, read_models, runtime.ids, tokens),
            *promising,
            shares,
            conflicts,
            CatalogService(runtime.database, idempotent, tokens),
            signals,
            SourceService(runtime.database, idempotent, tokens),
            StockOpsService(runtime.database, writes, idempotent, clock, tokens),
            *platform_servicers(runtime, runners, idempotent),
        ],
        consumers=runners,
        loops=[
            writes.requests,
            *signal_loops,
            BackgroundLoop("backorders", filler.fill, interval_s=settings.backorder_interval_s),
            BackgroundLoop("expired holds", sweeper.sweep, interval_s=settings.sweep_interval_s),
            *sharing_loops,
            *promising_loops,
            purge_loop(idempotent),
        ],
    )


def _signals(
    runtime: Runtime, settings: InventorySettings, idempotent: IdempotentWrites
) -> tuple[SignalService, list[Startable]]:
    """The service of signals, its queues, and the loops that apply snapshots and watch streams."""
    units, clock, interval_s = runtime.units, runtime.clock, settings.stream_watch_interval_s
    writes = SignalWrites(units, clock)
    applier = SnapshotApplier(SnapshotChunks(units, clock), rest_share=settings.snapshot_rest_share)
    snapshots = BackgroundLoop("snapshots", applier.apply, interval_s=interval_s)
    gap_wait = timedelta(seconds=settings.gap_wait_s)
    watch = StreamWatch(units, clock, runtime.ids, gap_wait=gap_wait)
    doors = SignalDoors(
        units=units,
        writes=writes,
        idempotent=idempotent,
        clock=clock,
        ids=runtime.ids,
        page_tokens=runtime.page_tokens,
        poke_snapshots=snapshots.poke,
    )
    streams = BackgroundLoop("streams", watch.watch, interval_s=interval_s)
    return SignalService(doors), [writes.small, writes.large, snapshots, streams]


def _sharing(
    runtime: Runtime, settings: InventorySettings, idempotent: IdempotentWrites
) -> tuple[AllocationService, ConflictService, list[Startable]]:
    """The services of allocation and conflicts, and the loops that publish, tidy and look after."""
    units, clock, tokens = runtime.units, runtime.clock, runtime.page_tokens
    allocation = AllocationReads(runtime.database, clock)
    cases = ConflictReads(runtime.database, clock)
    policy = ConflictPolicy(
        ops_lead=timedelta(seconds=settings.conflict_ops_lead_s),
        grace=timedelta(seconds=settings.conflict_grace_s),
    )
    leases = LeaseSweeper(units, allocation, clock)
    desk = ConflictDesk(units, cases, clock, policy)
    publisher = ChannelPublisher(units, runtime.database, clock)
    loops: list[Startable] = [
        BackgroundLoop("conflicts", desk.work, interval_s=settings.conflict_interval_s),
        BackgroundLoop("ended leases", leases.sweep, interval_s=settings.sweep_interval_s),
        BackgroundLoop("channels", publisher.publish, interval_s=settings.publication_interval_s),
    ]
    return (
        AllocationService(idempotent, allocation, clock, runtime.ids, tokens),
        ConflictService(idempotent, cases, clock, tokens, policy),
        loops,
    )


def _promising(
    runtime: Runtime,
    settings: InventorySettings,
    idempotent: IdempotentWrites,
    read_models: StockReadModels,
) -> tuple[list[object], list[Startable]]:
    """The services of availability, configuration and supply, and the loops they need."""
    database, clock, tokens = runtime.database, runtime.clock, runtime.page_tokens
    fresh_for = timedelta(seconds=settings.source_fresh_s_max)
    reads = AvailabilityReads(database, clock, fresh_for=fresh_for)
    batches = AvailabilityBatches(reads)
    parts = AvailabilityParts(
        database, clock, runtime.ids, reads, read_models, idempotent, tokens, batches
    )
    hub = WatchHub(database, reads)
    supply = SupplyReads(database, clock)
    lateness = SupplyLateness(runtime.units, supply, clock)
    promises = PromisePurge(database, clock)
    watch_s, late_s = settings.availability_watch_interval_s, settings.lateness_interval_s
    loops: list[Startable] = [
        batches.queue,
        BackgroundLoop("late supply", lateness.tell, interval_s=late_s),
        BackgroundLoop("watched stock", hub.poll, interval_s=watch_s),
        BackgroundLoop("old promises", promises.purge, interval_s=PROMISE_PURGE_INTERVAL_S),
    ]
    servicers: list[object] = [
        AvailabilityService(parts, hub),
        ConfigService(database, idempotent, clock, tokens),
        SupplyService(idempotent, supply, clock, tokens),
    ]
    return servicers, loops
