"""API clients in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_platform.database import Database

from tandem_gateway.domain.api_client import ApiClient

_COLUMNS = """api_client_id::text, tenant, display_name, scopes, channel, requests_per_second,
              secret_hash, created_at, expires_at, revoked_at"""
_FIND = text(f"SELECT {_COLUMNS} FROM api_client WHERE api_client_id = CAST(:id AS uuid)")
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM api_client
    WHERE tenant = :tenant
      AND (CAST(:created_at AS timestamptz) IS NULL
           OR (created_at, api_client_id) < (:created_at, CAST(:id AS uuid)))
    ORDER BY created_at DESC, api_client_id DESC LIMIT :size
""")
_SAVE = text("""
    INSERT INTO api_client (api_client_id, tenant, display_name, scopes, channel,
        requests_per_second, secret_hash, created_at, expires_at, revoked_at)
    VALUES (:api_client_id, :tenant, :display_name, :scopes, :channel,
        :requests_per_second, :secret_hash, :created_at, :expires_at, :revoked_at)
    ON CONFLICT (api_client_id) DO UPDATE SET
        tenant = EXCLUDED.tenant, display_name = EXCLUDED.display_name,
        scopes = EXCLUDED.scopes, channel = EXCLUDED.channel,
        requests_per_second = EXCLUDED.requests_per_second,
        secret_hash = EXCLUDED.secret_hash, expires_at = EXCLUDED.expires_at,
        revoked_at = EXCLUDED.revoked_at
""")


class PostgresApiClients:
    """The port `ApiClients` on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, api_client_id: str) -> ApiClient | None:
        """The client with this id, of any tenant."""
        found = (await self._connection.execute(_FIND, {"id": api_client_id})).first()
        return _client(found) if found else None

    async def save(self, client: ApiClient) -> None:
        """Inserts the client or replaces the one with its id; the time it was made stays."""
        await self._connection.execute(_SAVE, vars(client) | {"scopes": sorted(client.scopes)})

    async def page(
        self, tenant: str, after: tuple[datetime, str] | None, size: int
    ) -> Sequence[ApiClient]:
        """Clients of a tenant, newest first, after (created_at, id)."""
        created_at, api_client_id = after or (None, None)
        values = {
            "tenant": tenant,
            "created_at": created_at,
            "id": api_client_id,
            "size": size,
        }
        return [_client(row) for row in await self._connection.execute(_PAGE, values)]


class PostgresClientLookup:
    """The port `ClientLookup`: one client in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, api_client_id: str) -> ApiClient | None:
        """The client, or None."""
        async with self._database.connection() as connection:
            return await PostgresApiClients(connection).find(api_client_id)


def _client(row: Row[Any]) -> ApiClient:
    fields = dict(row._mapping)
    return ApiClient(**fields | {"scopes": frozenset(fields["scopes"])})
