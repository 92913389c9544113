"""Makes, revokes and lists API clients."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tandem_core.clock import Clock
from tandem_core.errors import NotFound
from tandem_core.ids import IdFactory

from tandem_gateway.application.ports import ApiClients
from tandem_gateway.domain.api_client import ApiClient
from tandem_gateway.domain.api_key import SECRET_BYTES, ApiKey
from tandem_gateway.domain.errors import ScopeNotHeld, ScopeUnknown


@dataclass(frozen=True)
class Maker:
    """Who makes the key: it can give no more than it has."""

    tenant: str
    channel: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class CreateApiClient:
    """The client wanted. ``channel`` empty: for all channels."""

    display_name: str
    scopes: frozenset[str]
    channel: str
    requests_per_second: int
    expires_at: datetime | None


def new_secret() -> str:
    """256 random bits as hex."""
    return secrets.token_hex(SECRET_BYTES)


@dataclass(frozen=True)
class CreateApiClientHandler:
    """Stores the client with the hash of a fresh key."""

    clock: Clock
    ids: IdFactory
    environment: str
    known_scopes: frozenset[str]
    secret: Callable[[], str] = new_secret

    async def handle(
        self, command: CreateApiClient, maker: Maker, clients: ApiClients
    ) -> tuple[ApiClient, ApiKey]:
        """The client and its key. Raises ScopeUnknown or ScopeNotHeld."""
        self._check(command, maker)
        key = ApiKey(self.environment, self.ids.new_id(), self.secret())
        client = ApiClient(
            api_client_id=key.client_id,
            tenant=maker.tenant,
            display_name=command.display_name,
            scopes=command.scopes,
            channel=command.channel,
            requests_per_second=command.requests_per_second,
            secret_hash=key.secret_hash(),
            created_at=self.clock.now(),
            expires_at=command.expires_at,
        )
        await clients.save(client)
        return client, key

    def _check(self, command: CreateApiClient, maker: Maker) -> None:
        for scope in sorted(command.scopes):
            if scope not in self.known_scopes:
                raise ScopeUnknown(scope)
            if scope not in maker.scopes:
                raise ScopeNotHeld(scope)
        if maker.channel and command.channel != maker.channel:
            raise ScopeNotHeld(f"channel {command.channel or 'all'}")


@dataclass(frozen=True)
class RevokeApiClientHandler:
    """Ends a client's key."""

    clock: Clock

    async def handle(self, api_client_id: str, tenant: str, clients: ApiClients) -> ApiClient:
        """The client after it. Raises NotFound, for another tenant's client too."""
        client = await clients.find(api_client_id)
        if client is None or client.tenant != tenant:
            raise NotFound("api client", api_client_id)
        revoked = client.revoked(self.clock.now())
        await clients.save(revoked)
        return revoked
