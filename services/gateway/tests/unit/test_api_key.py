"""Keys and the clients behind them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_core.clock import FixedClock
from tandem_core.errors import DomainError
from tandem_core.ids import SequentialIds
from tandem_gateway.application.authenticate import KNOWN_FOR_S, Authenticate
from tandem_gateway.application.manage_api_clients import (
    CreateApiClient,
    CreateApiClientHandler,
    Maker,
)
from tandem_gateway.domain.api_client import ApiClient
from tandem_gateway.domain.api_key import ApiKey
from tandem_gateway.domain.errors import CredentialsRefused, ScopeNotHeld, ScopeUnknown

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SCOPES = frozenset({"order:read", "order:write"})


class Clients:
    """Clients in memory."""

    def __init__(self) -> None:
        self.stored: dict[str, ApiClient] = {}
        self.reads = 0

    async def find(self, api_client_id: str) -> ApiClient | None:
        self.reads += 1
        return self.stored.get(api_client_id)

    async def save(self, client: ApiClient) -> None:
        self.stored[client.api_client_id] = client


def handler() -> CreateApiClientHandler:
    return CreateApiClientHandler(FixedClock(NOW), SequentialIds(), "test", SCOPES)


def wanted(*scopes: str, channel: str = "") -> CreateApiClient:
    return CreateApiClient("shop", frozenset(scopes), channel, 0, NOW + timedelta(days=1))


async def make(clients: Clients, *scopes: str) -> tuple[ApiClient, ApiKey]:
    maker = Maker("t", "", SCOPES)
    return await handler().handle(wanted(*scopes), maker, clients)  # type: ignore[arg-type]


@given(st.text())
def test_text_that_is_no_key_is_none(text: str) -> None:
    assert ApiKey.parse(text) is None


async def test_a_key_opens_its_own_client_only_and_is_never_stored() -> None:
    clients = Clients()
    first, key = await make(clients, "order:read")
    second, _ = await make(clients, "order:read")
    assert ApiKey.parse(key.text()) == key
    assert key.opens(first.secret_hash)
    assert not key.opens(second.secret_hash)
    assert key.secret not in repr(first) + repr(key)


async def test_a_key_with_a_changed_secret_is_refused() -> None:
    clients = Clients()
    client, _ = await make(clients, "order:read")
    forged = ApiKey("test", client.api_client_id, "0" * 64)
    authenticate = Authenticate(clients.find, FixedClock(NOW), lambda: 0.0)
    with pytest.raises(CredentialsRefused):
        await authenticate.client(forged.text())


async def test_expired_and_revoked_keys_are_refused() -> None:
    clients, clock, monotonic = Clients(), FixedClock(NOW), [0.0]
    client, key = await make(clients, "order:read")
    authenticate = Authenticate(clients.find, clock, lambda: monotonic[0])
    assert (await authenticate.client(key.text())).api_client_id == client.api_client_id
    await clients.save(client.revoked(NOW))
    monotonic[0] += KNOWN_FOR_S
    with pytest.raises(CredentialsRefused):
        await authenticate.client(key.text())
    await clients.save(client)
    monotonic[0] += KNOWN_FOR_S
    clock.advance(86_400)
    with pytest.raises(CredentialsRefused):
        await authenticate.client(key.text())


async def test_a_busy_key_is_read_once_until_forgotten() -> None:
    clients = Clients()
    client, key = await make(clients, "order:read")
    authenticate = Authenticate(clients.find, FixedClock(NOW), lambda: 0.0)
    for _ in range(3):
        await authenticate.client(key.text())
    assert clients.reads == 1
    authenticate.forget(client.api_client_id)
    await authenticate.client(key.text())
    assert clients.reads == 2


async def test_many_requests_at_once_read_their_client_once() -> None:
    clients = Clients()
    _, key = await make(clients, "order:read")
    authenticate = Authenticate(clients.find, FixedClock(NOW), lambda: 0.0)
    await asyncio.gather(*(authenticate.client(key.text()) for _ in range(50)))
    assert clients.reads == 1


@pytest.mark.parametrize(
    ("maker", "command", "error"),
    [
        (Maker("t", "", SCOPES), wanted("oder:read"), ScopeUnknown),
        (Maker("t", "", frozenset({"order:read"})), wanted("order:write"), ScopeNotHeld),
        (Maker("t", "web", SCOPES), wanted("order:read"), ScopeNotHeld),
        (Maker("t", "web", SCOPES), wanted("order:read", channel="pos"), ScopeNotHeld),
    ],
)
async def test_nobody_gives_a_key_more_than_it_has(
    maker: Maker, command: CreateApiClient, error: type[DomainError]
) -> None:
    clients = Clients()
    with pytest.raises(error):
        await handler().handle(command, maker, clients)  # type: ignore[arg-type]
    assert clients.stored == {}
