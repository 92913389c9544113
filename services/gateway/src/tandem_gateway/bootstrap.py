"""Composition root: makes the gateway's parts of its settings and the runtime."""

from __future__ import annotations

import time
from importlib.metadata import version

from tandem_platform.grpc_client import PeerChannels, own_identity
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.method_table import rpc_methods
from tandem_platform.process import Runtime, ServiceParts
from tandem_platform.request_context import current_caller
from tandem_platform.service_wiring import purge_loop

from tandem_gateway.adapters.access_tokens import JwtAccessTokens
from tandem_gateway.adapters.postgres.api_client_repository import PostgresClientLookup
from tandem_gateway.application.authenticate import Authenticate, ConnectionRates, RequestRates
from tandem_gateway.application.manage_api_clients import (
    CreateApiClientHandler,
    RevokeApiClientHandler,
)
from tandem_gateway.bootstrap_key import store_bootstrap_key
from tandem_gateway.entrypoints.grpc_api_client_service import ApiClientParts, ApiClientService
from tandem_gateway.entrypoints.rest.http_routes import RouteTable, public_routes
from tandem_gateway.entrypoints.rest.ingress_endpoints import FileEndpoint, WebhookEndpoint
from tandem_gateway.entrypoints.rest.oauth_endpoint import OAuthEndpoint
from tandem_gateway.entrypoints.rest.rest_app import OTHER_DOORS, RestEndpoints, rest_app
from tandem_gateway.entrypoints.rest.rest_server import RestServer
from tandem_gateway.entrypoints.rest.rpc_endpoint import RpcEndpoint
from tandem_gateway.settings import GatewaySettings


def known_scopes() -> frozenset[str]:
    """Every scope an rpc asks for; a key with any other would open nothing."""
    return frozenset(scope for method in rpc_methods().values() for scope in method.scopes)


async def build(runtime: Runtime) -> ServiceParts:
    """The parts `tandem_platform.process` runs."""
    settings = runtime.settings
    if not isinstance(settings, GatewaySettings):
        raise TypeError("the gateway needs GatewaySettings")
    await store_bootstrap_key(settings, runtime, known_scopes())
    key_file = settings.signing_key_file
    authenticate = Authenticate(
        PostgresClientLookup(runtime.database),
        runtime.clock,
        time.monotonic,
        JwtAccessTokens.read(key_file) if key_file else None,
    )
    writes = IdempotentWrites(runtime.units, runtime.clock)
    peers = PeerChannels(_with_itself(settings), identity=current_caller)
    server = RestServer(rest_app(_endpoints(settings, runtime, authenticate, peers)), settings)
    return ServiceParts(
        servicers=[_api_client_service(settings, runtime, authenticate, writes)],
        consumers=[server],
        loops=[purge_loop(writes)],
        closers=[peers.close],
    )


def _with_itself(settings: GatewaySettings) -> GatewaySettings:
    """The gateway calls its own service like any other, over its own port."""
    peers = {settings.service_name: settings.grpc_address} | settings.peers
    return settings.model_copy(update={"peers": peers})


def _endpoints(
    settings: GatewaySettings, runtime: Runtime, authenticate: Authenticate, peers: PeerChannels
) -> RestEndpoints:
    rates = RequestRates(settings.requests_per_second_default, time.monotonic)
    webhook_rates = ConnectionRates(settings.webhooks_per_second, time.monotonic)
    return RestEndpoints(
        rpcs=RpcEndpoint(
            RouteTable(public_routes()),
            authenticate,
            rates,
            peers,
            settings.body_bytes_max,
            OTHER_DOORS,
        ),
        webhooks=WebhookEndpoint(
            own_identity(settings), peers, webhook_rates, settings.webhook_bytes_max
        ),
        files=FileEndpoint(authenticate, peers, rates, settings.file_bytes_max),
        oauth=OAuthEndpoint(authenticate),
        health=runtime.health,
        version=version("tandem-gateway"),
    )


def _api_client_service(
    settings: GatewaySettings,
    runtime: Runtime,
    authenticate: Authenticate,
    writes: IdempotentWrites,
) -> ApiClientService:
    return ApiClientService(
        ApiClientParts(
            units=runtime.units,
            writes=writes,
            page_tokens=runtime.page_tokens,
            clock=runtime.clock,
            create=CreateApiClientHandler(
                runtime.clock, runtime.ids, settings.environment, known_scopes()
            ),
            revoke=RevokeApiClientHandler(runtime.clock),
            forget=authenticate.forget,
        )
    )
