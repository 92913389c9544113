"""The gateway's own service: API clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tandem.gateway.v1 import api_client_service_pb2 as pb
from tandem.gateway.v1 import api_client_service_pb2_grpc as wire
from tandem_core.clock import Clock
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_gateway.adapters.postgres.api_client_repository import PostgresApiClients
from tandem_gateway.adapters.wire.api_client_mapping import from_client, to_create
from tandem_gateway.application.manage_api_clients import (
    CreateApiClientHandler,
    Maker,
    RevokeApiClientHandler,
)


@dataclass(frozen=True)
class ApiClientParts:
    """What the service is made of. ``forget`` drops a client from the door's memory."""

    units: UnitOfWorkFactory
    writes: IdempotentWrites
    page_tokens: PageTokens
    clock: Clock
    create: CreateApiClientHandler
    revoke: RevokeApiClientHandler
    forget: Callable[[str], None]


class ApiClientService(wire.ApiClientServiceServicer):
    """Serves ``tandem.gateway.v1.ApiClientService``."""

    def __init__(self, parts: ApiClientParts) -> None:
        self._parts = parts

    async def CreateApiClient(
        self, request: pb.CreateApiClientRequest, context: Any
    ) -> pb.CreateApiClientResponse:
        """Stores the answer without the key, so a repeat cannot show it again."""
        caller = current_caller()
        maker = Maker(caller.tenant, caller.channel, caller.scopes)
        fresh_keys: list[str] = []

        async def effect(uow: UnitOfWork) -> pb.CreateApiClientResponse:
            clients = PostgresApiClients(uow.connection)
            client, key = await self._parts.create.handle(to_create(request), maker, clients)
            fresh_keys.append(key.text())
            return pb.CreateApiClientResponse(api_client=self._shown(client))

        response = await self._parts.writes.run(request, effect)
        if fresh_keys:
            response.api_key = fresh_keys[-1]
        return response

    async def ListApiClients(
        self, request: pb.ListApiClientsRequest, context: Any
    ) -> pb.ListApiClientsResponse:
        """One page, newest first."""
        position = self._parts.page_tokens.decode(request.page_token, request)
        after = (datetime.fromisoformat(str(position[0])), str(position[1])) if position else None
        size = page_size(request.page_size)
        async with self._parts.units() as uow:
            clients = PostgresApiClients(uow.connection)
            found = await clients.page(current_caller().tenant, after, size + 1)
        response = pb.ListApiClientsResponse(
            api_clients=[self._shown(client) for client in found[:size]]
        )
        if len(found) > size:
            last = found[size - 1]
            position = [last.created_at.isoformat(), last.api_client_id]
            response.next_page_token = self._parts.page_tokens.encode(position, request)
        return response

    async def RevokeApiClient(
        self, request: pb.RevokeApiClientRequest, context: Any
    ) -> pb.RevokeApiClientResponse:
        """Ends the key here at once."""
        tenant = current_caller().tenant

        async def effect(uow: UnitOfWork) -> pb.RevokeApiClientResponse:
            clients = PostgresApiClients(uow.connection)
            client = await self._parts.revoke.handle(request.api_client_id, tenant, clients)
            return pb.RevokeApiClientResponse(api_client=self._shown(client))

        response = await self._parts.writes.run(request, effect)
        self._parts.forget(request.api_client_id)
        return response

    def _shown(self, client: Any) -> Any:
        return from_client(client, self._parts.clock.now())
