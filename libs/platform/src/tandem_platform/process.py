"""The one entry of all services: from settings to a serving process and back to nothing.

def main() -> None:
    run_service(Settings(), build)

async def build(runtime: Runtime) -> ServiceParts:
    return ServiceParts(servicers=[...], consumers=[...], loops=[...])
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import uvloop
from tandem_core.clock import Clock, SystemClock
from tandem_core.ids import IdFactory, Uuid7Factory

from tandem_platform import process_replicas, structured_logs, telemetry
from tandem_platform.background_loop import Startable
from tandem_platform.grpc_client import PeerChannels
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.health import Health
from tandem_platform.pagination import PageTokens
from tandem_platform.settings import ServiceSettings
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

TSettings = TypeVar("TSettings", bound=ServiceSettings)


@dataclass(frozen=True)
class Runtime:
    """What `build` may use to make its parts. All of it is closed by `run_service`."""

    settings: ServiceSettings
    clock: Clock
    ids: IdFactory
    peers: PeerChannels
    page_tokens: PageTokens
    health: Health


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


def run_service(settings: ServiceSettings, build: Build) -> None:
    """Runs the service until SIGTERM or SIGINT; exits non-zero when it cannot start."""
    structured_logs.setup(settings.service_name, replica=settings.replica, level=settings.log_level)
    if settings.processes > 1:
        sys.exit(process_replicas.run(settings))
    own = telemetry.setup(
        settings.service_name, replica=settings.replica, otlp_endpoint=settings.otlp_endpoint
    )
    try:
        uvloop.run(serve(settings, build))
    finally:
        own.shutdown()


async def serve(
    settings: ServiceSettings, build: Build, *, stop: asyncio.Event | None = None
) -> None:
    """The life of one process inside a running loop; ends after ``stop`` or a signal."""
    stopping = stop or _stop_on_signals()
    runtime = Runtime(
        settings=settings,
        clock=SystemClock(),
        ids=Uuid7Factory(),
        peers=PeerChannels(settings),
        page_tokens=PageTokens.of(settings),
        health=Health(),
    )
    parts = await build(runtime)
    server = GrpcServer(settings, parts.servicers, health=runtime.health)
    for part in (*parts.loops, *parts.consumers):
        await part.start()
    await server.start()
    log.info("serving", port=server.port)
    await stopping.wait()
    await drain(server, parts)
    await runtime.peers.close()


async def drain(server: GrpcServer, parts: ServiceParts) -> None:
    """PLATFORM D32: say so, stop taking events, finish calls, then what the calls needed."""
    await server.announce_stop()
    for consumer in parts.consumers:
        await consumer.stop()
    await server.stop()
    for loop in parts.loops:
        await loop.stop()
    for close in parts.closers:
        await close()


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping
