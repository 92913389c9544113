"""Serves servicers inside the test over a real socket, with all steps of the wire around them.

async with serve_in_process([ReservationService(...)]) as channel:
    stub = ReservationServiceStub(channel)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.internal_token import TokenSigner, TokenVerifier, generate_key_pair
from tandem_platform.method_table import rpc_methods
from tandem_platform.request_context import Caller
from tandem_platform.settings import ServiceSettings
from tandem_platform.telemetry import Telemetry

SERVICE = "service-under-test"
CLIENT = "test-client"
TENANT = "test-tenant"


def all_scopes() -> frozenset[str]:
    """Every scope any rpc asks for."""
    return frozenset(scope for method in rpc_methods().values() for scope in method.scopes)


def caller(
    *,
    tenant: str = TENANT,
    channel: str = "",
    scopes: Iterable[str] | None = None,
    subject: str = CLIENT,
) -> Caller:
    """A caller; with all scopes unless told otherwise."""
    held = all_scopes() if scopes is None else frozenset(scopes)
    return Caller(subject=subject, tenant=tenant, channel=channel, scopes=held)


@asynccontextmanager
async def serve_in_process(
    servicers: Sequence[object],
    *,
    settings: ServiceSettings | None = None,
    calling_as: Caller | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncIterator[ServiceChannel]:
    """A channel to the servicers, calling as ``calling_as`` (by default with every scope)."""
    private_pem, public_pem = generate_key_pair()
    served = settings or ServiceSettings(
        service_name=SERVICE, drain_wait_ms=0, drain_grace_ms=1_000, grpc_port=0
    )
    server = GrpcServer(
        served,
        servicers,
        verifier=TokenVerifier(served.service_name, {CLIENT: public_pem}),
        telemetry=telemetry,
    )
    await server.start()
    identity = calling_as or caller()
    channel = ServiceChannel(
        ServiceSettings(
            service_name=CLIENT, peers={served.service_name: f"127.0.0.1:{server.port}"}
        ),
        served.service_name,
        identity=lambda: identity,
        signer=TokenSigner(CLIENT, private_pem),
        telemetry_of_caller=telemetry,
    )
    try:
        yield channel
    finally:
        await channel.close()
        await server.drain()
