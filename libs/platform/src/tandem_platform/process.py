"""The one entry of all services: from settings to a serving process and back to nothing.

def main() -> None:
    run_service(Settings(), build)

async def build(runtime: Runtime) -> ServiceParts:
    return ServiceParts(servicers=[...], consumers=[...], loops=[...])
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import uvloop
from tandem_core.clock import Clock, SystemClock
from tandem_core.ids import IdFactory, Uuid7Factory

from tandem_platform import process_replicas, structured_logs, telemetry
from tandem_platform.background_loop import Startable
from tandem_platform.data_side import DataSide, StoppedBeforeStart, migrate_when_reached
from tandem_platform.database import Database
from tandem_platform.grpc_client import PeerChannels
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.health import Health
from tandem_platform.jetstream import JetStream
from tandem_platform.pagination import PageTokens
from tandem_platform.relay import Relay
from tandem_platform.settings import ServiceSettings
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWorkFactory

log = get_logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """What `build` may use to make its parts. All of it is closed by `run_service`."""

    settings: ServiceSettings
    clock: Clock
    ids: IdFactory
    peers: PeerChannels
    page_tokens: PageTokens
    health: Health
    data: DataSide | None = None

    @property
    def database(self) -> Database:
        """The service's database, migrated. Raises RuntimeError without TANDEM_DATABASE_URL."""
        return self._data().database

    @property
    def units(self) -> UnitOfWorkFactory:
        """Units of work on it."""
        return self._data().units

    @property
    def bus(self) -> JetStream:
        """The bus. Raises RuntimeError without TANDEM_NATS_URL or an area."""
        if (bus := self._data().bus) is None:
            raise RuntimeError("TANDEM_NATS_URL or the area of the service is not set")
        return bus

    @property
    def relay(self) -> Relay:
        """The relay, for the operations service. Raises RuntimeError as `bus`."""
        if (relay := self._data().relay) is None:
            raise RuntimeError("TANDEM_NATS_URL or the area of the service is not set")
        return relay

    def _data(self) -> DataSide:
        if self.data is None:
            raise RuntimeError("TANDEM_DATABASE_URL is not set")
        return self.data


@dataclass(frozen=True)
class ServiceParts:
    """What a service consists of, in the order of the drain."""

    servicers: Sequence[object] = ()
    """Instances of generated servicers; the operations and journal services are added."""
    consumers: Sequence[Startable] = ()
    """Stopped first: finish their batch and give their partitions back."""
    loops: Sequence[Startable] = ()
    """Group commits and background loops; started before the server and stopped after it, since
    calls in flight still need them."""
    closers: Sequence[Callable[[], Awaitable[object]]] = field(default=())
    """Called last, in order."""


Build = Callable[[Runtime], Awaitable[ServiceParts]]

GC_NEW_OBJECTS = 20_000
GC_YOUNG_ROUNDS = 20
GC_MIDDLE_ROUNDS = 50


def run_service(settings: ServiceSettings, build: Build) -> None:
    """Runs the service until SIGTERM or SIGINT; exits non-zero when it cannot start."""
    structured_logs.setup(settings.service_name, replica=settings.replica, level=settings.log_level)
    if settings.processes > 1:
        sys.exit(process_replicas.run(settings))
    own = telemetry.setup(
        settings.service_name, replica=settings.replica, otlp_endpoint=settings.otlp_endpoint
    )
    _calm_collector()
    try:
        uvloop.run(serve(settings, build))
    finally:
        own.shutdown()


def _calm_collector() -> None:
    """Looks for cycles less often, and not among what was loaded.

    Contracts, SQL and modules are half a million objects that live as long as the process, and a
    request makes hundreds. With Python's own thresholds a busy service walked over all of them
    again and again: 2.1 k reservations a second in batches instead of 3.0 k.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_NEW_OBJECTS, GC_YOUNG_ROUNDS, GC_MIDDLE_ROUNDS)


async def serve(
    settings: ServiceSettings, build: Build, *, stop: asyncio.Event | None = None
) -> None:
    """The life of one process inside a running loop; ends after ``stop`` or a signal."""
    stopping = stop or _stop_on_signals()
    try:
        if settings.database_url:
            await migrate_when_reached(settings, stopping)
    except StoppedBeforeStart:
        return
    runtime = _runtime(settings)
    try:
        await _serve_until(stopping, runtime, await build(runtime))
    finally:
        if runtime.data is not None:
            await runtime.data.stop()
        await runtime.peers.close()


def _runtime(settings: ServiceSettings) -> Runtime:
    return Runtime(
        settings=settings,
        clock=SystemClock(),
        ids=Uuid7Factory(),
        peers=PeerChannels(settings),
        page_tokens=PageTokens.of(settings),
        health=Health(),
        data=DataSide.of(settings) if settings.database_url else None,
    )


async def _serve_until(stopping: asyncio.Event, runtime: Runtime, parts: ServiceParts) -> None:
    server = GrpcServer(runtime.settings, parts.servicers, health=runtime.health)
    started: list[Startable] = []
    try:
        if runtime.data is not None:
            await runtime.data.start()
            started.append(runtime.data.probe(runtime.health))
            await started[0].start()
        for loop in parts.loops:
            await loop.start()
            started.append(loop)
        await server.start()
        for consumer in parts.consumers:
            await consumer.start()
        log.info("serving", port=server.port)
        await stopping.wait()
        log.info("draining")
        await server.announce_stop()
        for consumer in parts.consumers:
            await consumer.stop()
        await server.stop()
    finally:
        for loop in reversed(started):
            await loop.stop()
        for close in parts.closers:
            await close()


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping
