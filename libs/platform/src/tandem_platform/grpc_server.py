"""A grpc.aio server with Tandem's steps around every rpc, health, and an orderly end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tandem_platform.health import Health
from tandem_platform.interceptors.admission import AdmissionStep, gates_of
from tandem_platform.interceptors.audit import audit_write
from tandem_platform.interceptors.authn import AuthnStep
from tandem_platform.interceptors.authz import check_scopes
from tandem_platform.interceptors.deadline import DeadlineStep
from tandem_platform.interceptors.errors import map_errors
from tandem_platform.interceptors.handlers import handle
from tandem_platform.interceptors.idempotency import name_write
from tandem_platform.interceptors.rpc_chain import RpcChain, Step
from tandem_platform.interceptors.telemetry import TelemetryStep
from tandem_platform.interceptors.validation import validate_request
from tandem_platform.internal_token import TokenVerifier, read_verifier
from tandem_platform.settings import ServiceSettings
from tandem_platform.telemetry import Telemetry

MIN_PING_INTERVAL_MS = 30_000
# The built-in limit is the outer wall only: it refuses without saying when to come back.
OUTER_WALL_FACTOR = 2


class PortTaken(OSError):
    """The address to listen on cannot be had."""


def server_chain(
    settings: ServiceSettings, verifier: TokenVerifier, telemetry: Telemetry | None = None
) -> list[Step]:
    """The steps in their order, outermost first (PLATFORM D28)."""
    return [
        TelemetryStep(telemetry),
        map_errors,
        DeadlineStep(settings.default_deadline_ms),
        AuthnStep(verifier),
        AdmissionStep(gates_of(settings)),
        check_scopes,
        validate_request,
        name_write,
        audit_write,
    ]


class GrpcServer:
    """Serves the given servicers. Make it inside the running event loop."""

    def __init__(
        self,
        settings: ServiceSettings,
        servicers: Sequence[object],
        *,
        health: Health | None = None,
        verifier: TokenVerifier | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._settings = settings
        self.health = health or Health()
        self.port = 0
        trusted = verifier or read_verifier(settings.service_name, settings.trusted_keys_file)
        self._server = grpc.aio.server(
            interceptors=[RpcChain(server_chain(settings, trusted, telemetry), handle)],
            options=server_options(settings),
            maximum_concurrent_rpcs=OUTER_WALL_FACTOR * _calls_max(settings),
        )
        unregistered = _FoundByName(self._server)
        self._services = [add_servicer(servicer, unregistered) for servicer in servicers]
        health_pb2_grpc.add_HealthServicer_to_server(self.health.servicer, unregistered)
        if settings.reflection:
            names = (*self._services, _HEALTH_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, unregistered)

    async def start(self) -> None:
        """Listens and says SERVING. Raises PortTaken."""
        try:
            self.port = self._server.add_insecure_port(self._settings.grpc_address)
        except RuntimeError as error:
            raise PortTaken(f"cannot listen on {self._settings.grpc_address}") from error
        await self._server.start()
        await self.health.start(self._services)

    async def announce_stop(self) -> None:
        """Says NOT_SERVING and waits until balancers have noticed; still takes calls."""
        await self.health.stop()
        await asyncio.sleep(self._settings.drain_wait_ms / 1000)

    async def stop(self) -> None:
        """Refuses new calls and lets those in flight finish within the grace."""
        await self._server.stop(self._settings.drain_grace_ms / 1000)

    async def drain(self) -> None:
        """Both steps of the end, for servers without anything to stop in between."""
        await self.announce_stop()
        await self.stop()


class _FoundByName:
    """Takes handlers to be found by the method's name alone.

    grpc.aio also asks its core for the next call of each *registered* method by itself, and waits
    for any of them anew for every call: 60 us a call with 48 methods, more with each further rpc.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """As generated code calls it."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, *_: object) -> None:
        """Generated code calls it as well; the handlers are there already."""


_HEALTH_NAME = str(health.SERVICE_NAME)


def server_options(settings: ServiceSettings) -> list[tuple[str, int]]:
    """Channel arguments of the server."""
    return [
        # Off unless processes share the port on purpose: on Linux it is on by default, and a
        # second service started on the same port by mistake would silently take half the calls.
        ("grpc.so_reuseport", int(settings.shared_port)),
        ("grpc.max_connection_age_ms", settings.max_connection_age_ms),
        ("grpc.max_connection_age_grace_ms", settings.max_connection_age_grace_ms),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
    ]


def _calls_max(settings: ServiceSettings) -> int:
    in_flight = (
        settings.in_flight_query_max
        + settings.in_flight_command_max
        + settings.in_flight_bulk_max
        + settings.in_flight_admin_max
        + settings.in_flight_stream_max
    )
    return in_flight + 4 * settings.admission_queue_calls_max


def add_servicer(servicer: object, server: grpc.aio.Server | _FoundByName) -> str:
    """Registers a servicer by its generated base class; returns the full service name.

    Raises TypeError for an object that derives from no generated servicer.
    """
    for cls in type(servicer).__mro__:
        add: Any = getattr(sys.modules[cls.__module__], f"add_{cls.__name__}_to_server", None)
        if add is not None:
            add(servicer, server)
            package = cls.__module__.rsplit(".", 1)[0]
            return f"{package}.{cls.__name__.removesuffix('Servicer')}"
    raise TypeError(f"{type(servicer).__name__} derives from no generated servicer")
