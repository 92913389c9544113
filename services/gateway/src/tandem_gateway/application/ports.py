"""What the use cases need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tandem_gateway.domain.api_client import ApiClient


class ApiClients(Protocol):
    """The stored clients, inside one transaction."""

    async def find(self, api_client_id: str) -> ApiClient | None:
        """The client with this id, of any tenant."""
        ...

    async def save(self, client: ApiClient) -> None:
        """Inserts the client or replaces the one with its id."""
        ...

    async def page(
        self, tenant: str, after: tuple[datetime, str] | None, size: int
    ) -> Sequence[ApiClient]:
        """Clients of a tenant, newest first, after (created_at, id)."""
        ...


class ClientLookup(Protocol):
    """Reads one client in a transaction of its own; for the door, which has none."""

    async def __call__(self, api_client_id: str) -> ApiClient | None:
        """The client, or None."""
        ...
