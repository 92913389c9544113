"""Carries out saga commands: at least once, those of one saga in order, many sagas at a time.

A command is leased, executed outside of any transaction, and marked done by its executor in the
transaction that takes the answer in. A crash in between repeats it under the same id, which the
other side knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_platform import metrics
from tandem_platform.database import Database
from tandem_platform.fault_points import fp
from tandem_platform.structured_logs import get_logger

LEASE_SECONDS = 30
EXECUTE_SECONDS_MAX = 25.0
"""Shorter than the lease, or another replica would carry out the same command beside us."""
STUCK_ATTEMPTS = 10
"""From here on a command that fails is an error for people; it is still tried, never dropped."""
RETRY_MS_MIN = 100
RETRY_MS_MAX = 10_000
IDLE_SECONDS_MAX = 1.0
ERROR_CHARACTERS_MAX = 500
STOP_SECONDS_MAX = 5.0

log = get_logger(__name__)


@dataclass(frozen=True)
class CommandEnvelope:
    """One command to carry out; ``id`` names it at the other side."""

    id: str
    tenant: str
    saga_kind: str
    saga_id: str
    kind: str
    values: Mapping[str, Any]
    headers: Mapping[str, str]
    attempts: int


Execute = Callable[[CommandEnvelope], Awaitable[None]]

# Only the oldest open command of each saga: to release what is left of a reservation before what
# was shipped is settled would give shipped goods back.
_CLAIM = text("""
    UPDATE saga_command SET lease_owner = :owner, attempts = attempts + 1,
           next_at = now() + make_interval(secs => :lease)
    WHERE id IN (
        SELECT id FROM saga_command AS due
        WHERE done_at IS NULL AND next_at <= now() AND id <> ALL(CAST(:in_flight AS uuid[]))
          AND NOT EXISTS (
              SELECT 1 FROM saga_command AS older
              WHERE older.done_at IS NULL AND older.place < due.place
                AND (older.tenant, older.saga_kind, older.saga_id)
                    = (due.tenant, due.saga_kind, due.saga_id))
        ORDER BY next_at LIMIT :rows FOR UPDATE OF due SKIP LOCKED)
    RETURNING id::text, tenant, saga_kind, saga_id, kind, command_values, headers, attempts
""")
_RECLAIM = text("""
    UPDATE saga_command SET next_at = now(), lease_owner = NULL
    WHERE done_at IS NULL AND lease_owner = :owner
""")
# Only the newest attempt may put the command off: an older one would cut short another's lease.
_RETRY = text("""
    UPDATE saga_command SET next_at = now() + make_interval(secs => :seconds), last_error = :error,
           lease_owner = NULL
    WHERE id = CAST(:id AS uuid) AND done_at IS NULL AND attempts = :attempts
""")
_DONE = text("""
    UPDATE saga_command SET done_at = now(), lease_owner = NULL, last_error = NULL
    WHERE id = ANY(CAST(:ids AS uuid[])) AND done_at IS NULL RETURNING id::text
""")
_PENDING = text("SELECT count(*) FROM saga_command WHERE done_at IS NULL")
_STUCK = text("""
    SELECT count(*) FROM saga_command
    WHERE done_at IS NULL AND attempts >= :attempts AND last_error IS NOT NULL
""")


async def complete_commands(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    """Marks commands done; returns those that were not done before.

    An answer for any other is a repeat and must have no effect.
    """
    rows = await connection.execute(_DONE, {"ids": list(ids)})
    return {row[0] for row in rows}


async def pending_commands(connection: AsyncConnection) -> int:
    """Commands not done yet."""
    return int((await connection.execute(_PENDING)).scalar_one())


async def stuck_commands(connection: AsyncConnection) -> int:
    """Commands that failed STUCK_ATTEMPTS times or more: somebody must look at them."""
    found = await connection.execute(_STUCK, {"attempts": STUCK_ATTEMPTS})
    return int(found.scalar_one())


class CommandDispatcher:
    """A loop that claims due commands and executes them concurrently."""

    def __init__(
        self, database: Database, execute: Execute, *, owner: str, in_flight_max: int = 128
    ) -> None:
        self._database = database
        self._execute = execute
        self._owner = owner
        self._in_flight_max = in_flight_max
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Looks for commands now; called after a commit that made some."""
        self._wake.set()

    async def start(self) -> None:
        """Begins claiming."""
        self._task = asyncio.create_task(self._run(), name="saga_commands")

    async def stop(self) -> None:
        """Stops claiming, gives what is in flight a moment and the rest back to other replicas."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        running = list(self._running.values())
        if running:
            await asyncio.wait(running, timeout=STOP_SECONDS_MAX)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._reclaimed()

    async def _run(self) -> None:
        while not await self._reclaimed():
            await self._pause()
        while True:
            self._wake.clear()
            if not await self._round():
                await self._pause()

    async def _reclaimed(self) -> bool:
        """A replica that was killed takes its own leases back at once, not after they run out."""
        try:
            async with self._database.transaction() as connection:
                await connection.execute(_RECLAIM, {"owner": self._owner})
        except Exception as error:  # noqa: BLE001 - the database may be away; it comes back
            log.warning("saga_commands.reclaim_failed", error=type(error).__name__)
            return False
        return True

    async def _round(self) -> bool:
        room = self._in_flight_max - len(self._running)
        if room <= 0:
            running = list(self._running.values())
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            return True
        try:
            claimed = await self._claim(room)
        except Exception as error:  # noqa: BLE001 - the database may be away; it comes back
            log.warning("saga_commands.claim_failed", error=type(error).__name__)
            return False
        for envelope in claimed:
            self._running[envelope.id] = asyncio.create_task(self._carry_out(envelope))
        return bool(claimed)

    async def _claim(self, rows: int) -> list[CommandEnvelope]:
        arguments = {
            "owner": self._owner,
            "lease": LEASE_SECONDS,
            "rows": rows,
            # Its lease ran out while the process was held up: not a second time beside itself.
            "in_flight": list(self._running),
        }
        async with self._database.transaction() as connection:
            claimed = [CommandEnvelope(*row) for row in await connection.execute(_CLAIM, arguments)]
        if claimed:
            await fp("saga.after_claim")
        return claimed

    async def _carry_out(self, envelope: CommandEnvelope) -> None:
        try:
            async with asyncio.timeout(EXECUTE_SECONDS_MAX):
                await self._execute(envelope)
        except Exception as error:  # noqa: BLE001 - kept with the command and tried again
            await self._retry_later(envelope, error)
        finally:
            self._running.pop(envelope.id, None)
            # The next command of the same saga may wait for this one.
            self.wake()

    async def _retry_later(self, envelope: CommandEnvelope, error: Exception) -> None:
        milliseconds = min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** min(envelope.attempts, 16))
        self._tell(envelope, error)
        arguments = {
            "id": envelope.id,
            "attempts": envelope.attempts,
            "seconds": milliseconds / 1000,
            "error": repr(error)[:ERROR_CHARACTERS_MAX],
        }
        try:
            async with self._database.transaction() as connection:
                await connection.execute(_RETRY, arguments)
        except Exception as lost:  # noqa: BLE001 - the lease runs out and the command comes again
            log.warning("saga_commands.retry_not_stored", error=type(lost).__name__)

    def _tell(self, envelope: CommandEnvelope, error: Exception) -> None:
        metrics.add("tandem_saga_command_failures_total", command=envelope.kind)
        stuck = envelope.attempts >= STUCK_ATTEMPTS
        (log.error if stuck else log.warning)(
            "saga command is stuck" if stuck else "saga command failed, tried again later",
            command=envelope.kind,
            saga_id=envelope.saga_id,
            attempts=envelope.attempts,
            error=repr(error)[:ERROR_CHARACTERS_MAX],
        )

    async def _pause(self) -> None:
        # Not wait_for: before Python 3.12 it loses a cancellation that meets the wake-up, and then
        # `stop` waits for ever.
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS_MAX):
                await self._wake.wait()
