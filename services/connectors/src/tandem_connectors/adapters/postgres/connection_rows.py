"""Cursors and health of connections, and the figures their list shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_platform.database import Database

from tandem_connectors.application.ports import CursorMove

_CURSOR = text("SELECT cursor FROM poll_cursor WHERE connection_id = :id AND stream = :stream")
_BEGIN = text("""
    INSERT INTO poll_cursor (connection_id, stream, cursor) VALUES (:id, :stream, :after)
    ON CONFLICT DO NOTHING RETURNING 1
""")
_MOVE = text("""
    UPDATE poll_cursor SET cursor = :after, moved_at = clock_timestamp()
    WHERE connection_id = :id AND stream = :stream AND cursor = :before RETURNING 1
""")
# Written only when it changes: a poll every two seconds would else write for nothing.
_NOTE = text("""
    INSERT INTO connection_health AS known (connection_id, detail) VALUES (:id, :detail)
    ON CONFLICT (connection_id) DO UPDATE SET detail = excluded.detail, noted_at = clock_timestamp()
    WHERE known.detail <> excluded.detail
""")
_DOCUMENTS = text("""
    SELECT connection_id, state, count(*) FROM inbound_document
    WHERE tenant = :tenant AND connection_id = ANY(CAST(:ids AS text[])) GROUP BY 1, 2
""")
_COMMANDS = text("""
    SELECT connection_id, count(*) FILTER (WHERE state = 'PENDING'),
           count(*) FILTER (WHERE state = 'PARKED')
    FROM outbound_command
    WHERE tenant = :tenant AND state <> 'DONE' AND connection_id = ANY(CAST(:ids AS text[]))
    GROUP BY 1
""")
_HEALTH = text("""
    SELECT connection_id, detail FROM connection_health
    WHERE connection_id = ANY(CAST(:ids AS text[]))
""")
_PENDING = text("SELECT count(*) FROM outbound_command WHERE state <> 'DONE'")


class CursorRows:
    """The port `Cursors` on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, connection_id: str, stream: str) -> bytes | None:
        """The cursor; None before the first page."""
        values = {"id": connection_id, "stream": stream}
        found = (await self._connection.execute(_CURSOR, values)).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def move(self, at: CursorMove) -> bool:
        """False when somebody else moved it first."""
        values = {"id": at.connection_id, "stream": at.stream, "after": at.after}
        if at.before is None:
            moved = await self._connection.execute(_BEGIN, values)
        else:
            moved = await self._connection.execute(_MOVE, {**values, "before": at.before})
        return moved.first() is not None


class HealthRows:
    """The port `HealthNotes` on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(self, connection_id: str, detail: str) -> None:
        """How the last call went; empty when it worked."""
        await self._connection.execute(_NOTE, {"id": connection_id, "detail": detail[:500]})


class PendingCommands:
    """How many commands of all tenants are not done, for the service's status."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> int:
        """Those that wait and those given up."""
        async with self._database.transaction() as connection:
            return int((await connection.execute(_PENDING)).scalar_one())


@dataclass
class ConnectionFigures:
    """What a connection's list entry counts."""

    documents_by_state: dict[str, int] = field(default_factory=dict)
    pending_commands: int = 0
    parked_commands: int = 0
    detail: str = ""


async def read_figures(
    connection: AsyncConnection, tenant: str, ids: Sequence[str]
) -> Mapping[str, ConnectionFigures]:
    """Figures of some connections by id."""
    figures = {connection_id: ConnectionFigures() for connection_id in ids}
    values = {"tenant": tenant, "ids": list(ids)}
    for connection_id, state, count in await connection.execute(_DOCUMENTS, values):
        figures[connection_id].documents_by_state[state] = count
    for connection_id, pending, parked in await connection.execute(_COMMANDS, values):
        figures[connection_id].pending_commands = pending
        figures[connection_id].parked_commands = parked
    for connection_id, detail in await connection.execute(_HEALTH, {"ids": list(ids)}):
        figures[connection_id].detail = detail
    return figures
