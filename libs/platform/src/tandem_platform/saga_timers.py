"""Fires the timers of sagas: each due one becomes the event ``timer:<name>`` of its instance.

One transaction per instance, its row locked: a replica that comes later finds the timer gone, and
an instance whose definition raises holds up no other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import Clock

from tandem_platform import metrics
from tandem_platform.database import Database
from tandem_platform.saga import TIMER_EVENT_PREFIX, SagaEngine, SagaEvent, SagaInput
from tandem_platform.structured_logs import get_logger

ROUND_ROWS_MAX = 500
FAILED_PUT_OFF_SECONDS = 60

log = get_logger(__name__)

_DUE = text("""
    SELECT tenant, id, timer_name, timer_at FROM saga
    WHERE kind = :kind AND timer_at <= :now
    ORDER BY timer_at, tenant, id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_PUT_OFF = text("""
    UPDATE saga SET timer_at = :at WHERE kind = :kind AND tenant = :tenant AND id = :id
""")
_OVERDUE = text("SELECT count(*) FROM saga WHERE kind = :kind AND timer_at <= :now")


class SagaTimers:
    """Fires due timers of one definition. ``fired`` is called after a round that fired some.

    Run `round` from a `BackgroundLoop`; any number of replicas may do so.
    """

    def __init__(
        self, database: Database, engine: SagaEngine, clock: Clock, fired: Callable[[], None]
    ) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._fired = fired

    async def round(self) -> int:
        """Fires what is due now, at most ROUND_ROWS_MAX; how many."""
        now = self._clock.now()
        fired = 0
        while fired < ROUND_ROWS_MAX and await self._one(now):
            fired += 1
        if fired:
            self._fired()
        await self._measure(now)
        return fired

    async def _one(self, now: datetime) -> bool:
        """Fires the timer that is due longest; False when none is."""
        async with self._database.transaction() as connection:
            arguments = {"kind": self._engine.kind, "now": now}
            row = (await connection.execute(_DUE, arguments)).first()
            if row is None:
                return False
            await self._fire(connection, row, now)
        return True

    async def _fire(self, connection: AsyncConnection, row: Row[Any], now: datetime) -> None:
        event = SagaEvent(f"{TIMER_EVENT_PREFIX}{row.timer_name}", {}, now)
        try:
            async with connection.begin_nested():
                await self._engine.advance(connection, [SagaInput(row.tenant, row.id, event)], now)
        except Exception as error:
            # Told, counted, and fired again later.
            log.exception("saga timer failed", saga_id=row.id, error=type(error).__name__)
            metrics.add("tandem_loop_failures_total", loop=f"saga timers {self._engine.kind}")
            at = now + timedelta(seconds=FAILED_PUT_OFF_SECONDS)
            key = {"kind": self._engine.kind, "tenant": row.tenant, "id": row.id}
            await connection.execute(_PUT_OFF, {**key, "at": at})

    async def _measure(self, now: datetime) -> None:
        async with self._database.transaction() as connection:
            arguments = {"kind": self._engine.kind, "now": now}
            overdue = int((await connection.execute(_OVERDUE, arguments)).scalar_one())
        metrics.record("tandem_saga_overdue", overdue, kind=self._engine.kind)
