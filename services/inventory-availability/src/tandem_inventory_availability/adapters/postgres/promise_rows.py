"""Records of promises: what was asked and answered, to explain it later."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import Clock
from tandem_platform.database import Database

KEPT_DAYS = 30
PURGED_ROWS_MAX = 5_000

_ADD = text("""
    INSERT INTO promise_record (tenant, id, actor, request, response, created_at)
    VALUES (:tenant, CAST(:id AS uuid), :actor, :request, :response, :now)
""")
_FIND = text("""
    SELECT request, response, actor FROM promise_record
    WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")
_PURGE = text("""
    DELETE FROM promise_record WHERE (tenant, id) IN (
        SELECT tenant, id FROM promise_record WHERE created_at < :before
        ORDER BY created_at LIMIT :rows)
""")


async def add(
    connection: AsyncConnection,
    key: tuple[str, str],
    actor: str,
    messages: tuple[bytes, bytes],
    now: datetime,
) -> None:
    """Keeps request and response under tenant and id."""
    arguments = {"tenant": key[0], "id": key[1], "actor": actor, "now": now}
    request, response = messages
    await connection.execute(_ADD, {**arguments, "request": request, "response": response})


async def find(
    connection: AsyncConnection, tenant: str, promise_id: str
) -> tuple[bytes, bytes, str] | None:
    """Request, response and who asked."""
    row = (await connection.execute(_FIND, {"tenant": tenant, "id": promise_id})).first()
    return (bytes(row[0]), bytes(row[1]), row[2]) if row else None


class PromisePurge:
    """Removes records older than KEPT_DAYS, PURGED_ROWS_MAX in one round."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def purge(self) -> int:
        """One round; how many rows went."""
        arguments = {
            "before": self._clock.now() - timedelta(days=KEPT_DAYS),
            "rows": PURGED_ROWS_MAX,
        }
        async with self._database.transaction() as connection:
            return (await connection.execute(_PURGE, arguments)).rowcount
