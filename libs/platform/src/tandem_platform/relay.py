"""Publishes the journal: each partition by one replica, unpublished rows in order of their id.

No cursor: a transaction that commits late would be jumped over. Rows of one aggregate have rising
ids in commit order, and one owner per partition keeps that order on the stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from sqlalchemy import Row, text

from tandem_platform import stream_incarnation, telemetry
from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal, JournalEvent, published_headers
from tandem_platform.event_subjects import stream_of_area, subject_of
from tandem_platform.fault_points import fp
from tandem_platform.jetstream import BusUnavailable, JetStream, Outgoing, PublishRefused
from tandem_platform.leases import RENEW_INTERVAL_S, PartitionLeases
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

BATCH_ROWS_MAX = 500
BATCH_BYTES_MAX = 8 * 1024 * 1024
ROWS_PER_PARTITION_MIN = 64
REST_S_MAX = 0.03
POLL_S_MIN = 0.02
POLL_S_MAX = 1.0
BUS_AWAY_S = 0.25
INCARNATION_CHECK_S = 5.0
STOP_WAIT_S_MAX = 10.0

# Per partition through its index: one condition over all of them would sort the whole backlog.
# In turns, the first of each partition before the second of any: by id alone, a backlog of one
# would hold up all others, urgent ones too.
_UNPUBLISHED = text("""
    SELECT row.* FROM unnest(CAST(:parts AS smallint[])) AS mine (part)
    CROSS JOIN LATERAL (
        SELECT id, event_id, tenant, part, partition_key, agg_type, agg_id, agg_version, type,
               payload, headers, occurred_at, publication, row_number() OVER (ORDER BY id) AS turn
        FROM event_journal AS journal
        WHERE journal.part = mine.part AND published_at IS NULL
        ORDER BY id LIMIT :per_part) AS row
    ORDER BY row.turn, row.id LIMIT :rows
""")
_MARK = text("""
    UPDATE event_journal AS journal SET published_at = clock_timestamp(), stream_seq = done.seq
    FROM unnest(CAST(:ids AS bigint[]), CAST(:seqs AS bigint[])) AS done (id, seq)
    WHERE journal.id = done.id
""")
_BACKLOG = text("""
    SELECT count(*) AS rows,
           coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0) AS oldest_s
    FROM (SELECT recorded_at FROM event_journal WHERE published_at IS NULL LIMIT 100000) AS waiting
""")


@dataclass(frozen=True)
class Backlog:
    """Journal rows not yet published, counted up to 100,000, and the age of the oldest."""

    rows: int
    oldest_ms: int


class Relay:
    """The relay task of one replica of a service."""

    def __init__(
        self, database: Database, journal: EventJournal, bus: JetStream, source: str, replica: str
    ) -> None:
        self.stream = stream_of_area(journal.area)
        self._database = database
        self._bus = bus
        self._source = source
        self._leases = PartitionLeases(database, "relay", journal.partitions, replica)
        self._lease_loop = BackgroundLoop(
            "relay leases", self._renew_leases, interval_s=RENEW_INTERVAL_S
        )
        self._incarnation_loop = BackgroundLoop(
            "relay incarnation", self._check_in_background, interval_s=INCARNATION_CHECK_S
        )
        self._created = ""
        self._bus_away = False
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        journal.on_commit(self._wake.set)

    async def start(self) -> None:
        """Begins to publish."""
        await self._lease_loop.start()
        await self._incarnation_loop.start()
        self._task = asyncio.create_task(self._run(), name="relay")

    async def stop(self) -> None:
        """Finishes the batch in hand and gives the partitions back."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=STOP_WAIT_S_MAX)
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._incarnation_loop.stop()
        await self._lease_loop.stop()
        await self._leases.leave()

    async def backlog(self) -> Backlog:
        """What waits to be published."""
        async with self._database.transaction() as connection:
            row = (await connection.execute(_BACKLOG)).one()
        return Backlog(int(row.rows), int(row.oldest_s * 1000))

    async def publish_once(self) -> int:
        """Publishes one batch; returns how many rows it took.

        Raises BusUnavailable or PublishRefused; the rows stay unpublished and come again.
        """
        if not self._created:
            await self._check_incarnation()
        rows = await self._unpublished()
        if not rows:
            return 0
        created = self._created
        await fp("relay.before_publish")
        with telemetry.span("relay publish", attributes={"messaging.system": "nats"}):
            seqs = await self._bus.publish_batch([self._outgoing(row) for row in rows])
        await fp("relay.after_publish")
        await self._mark(rows, seqs, created)
        await fp("relay.after_mark")
        return len(rows)

    async def _run(self) -> None:
        pause_s = POLL_S_MIN
        while not self._stopping:
            self._wake.clear()
            began = time.monotonic()
            try:
                published = await self.publish_once()
            except (BusUnavailable, PublishRefused) as error:
                if self._created or not self._bus_away:
                    log.info("the bus does not take events now", error=str(error)[:200])
                self._created, self._bus_away = "", True
                self._wake.clear()
                published, pause_s = 0, BUS_AWAY_S
            except Exception:
                log.exception("relay failed")
                self._wake.clear()
                published, pause_s = 0, POLL_S_MAX
            if published:
                pause_s, self._bus_away = POLL_S_MIN, False
                await self._rest(published, time.monotonic() - began)
                continue
            await self._wait(pause_s)
            pause_s = min(pause_s * 2, POLL_S_MAX)

    async def _rest(self, published: int, took_s: float) -> None:
        """After a small batch, a moment for the next one to grow: one sync for more events."""
        if published < BATCH_ROWS_MAX and not self._stopping:
            await asyncio.sleep(min(REST_S_MAX, took_s))

    async def _wait(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _renew_leases(self) -> None:
        known = self._leases.held()
        for lease in await self._leases.renew():
            await self._leases.release(lease)
        if self._leases.held().keys() != known.keys():
            self._wake.set()

    async def _check_in_background(self) -> None:
        try:
            await self._check_incarnation()
        except (BusUnavailable, PublishRefused):
            # Said by the publishing loop already; the next round asks again.
            self._created = ""

    async def _check_incarnation(self) -> None:
        await self._bus.ensure_stream(self.stream)
        async with self._database.transaction() as connection:
            state, again = await stream_incarnation.reconcile(
                connection, self.stream, lambda: self._bus.stream_state(self.stream)
            )
        self._created = state.created
        if again:
            self._wake.set()

    async def _unpublished(self) -> Sequence[Row[Any]]:
        held = self._leases.held()
        if not held:
            return []
        parameters = {
            "parts": list(held),
            "per_part": max(ROWS_PER_PARTITION_MIN, 2 * BATCH_ROWS_MAX // len(held)),
            "rows": BATCH_ROWS_MAX,
        }
        async with self._database.transaction() as connection:
            rows = (await connection.execute(_UNPUBLISHED, parameters)).all()
        return rows[: _fitting(rows)]

    async def _mark(self, rows: Sequence[Row[Any]], seqs: Sequence[int], created: str) -> None:
        async with self._database.transaction() as connection:
            if not await stream_incarnation.advance(connection, self.stream, created, max(seqs)):
                # The stream was lost in between: what was just published may be lost with it.
                self._created = ""
                return
            parameters = {"ids": [row.id for row in rows], "seqs": list(seqs)}
            await connection.execute(_MARK, parameters)

    def _outgoing(self, row: Row[Any]) -> Outgoing:
        event = event_of_row(row)
        headers = published_headers(event, self._source)
        subject = subject_of(event.event_type, row.part)
        _publish_span(event, subject)
        suffix = f":{row.publication}" if row.publication else ""
        return Outgoing(subject, f"{event.event_id}{suffix}", event.payload, headers)


def event_of_row(row: Row[Any]) -> JournalEvent:
    """The event a journal row holds."""
    return JournalEvent(
        event_id=str(row.event_id),
        event_type=row.type,
        aggregate_type=row.agg_type,
        aggregate_id=row.agg_id,
        aggregate_version=row.agg_version,
        partition_key=row.partition_key,
        payload=bytes(row.payload),
        occurred_at=row.occurred_at,
        tenant=row.tenant,
        headers=row.headers,
    )


def _publish_span(event: JournalEvent, subject: str) -> None:
    parent = telemetry.extract(event.headers)
    if not trace.get_current_span(parent).get_span_context().trace_flags.sampled:
        return
    attributes = {
        "messaging.system": "nats",
        "messaging.destination.name": subject,
        "tandem.aggregate.id": event.aggregate_id,
    }
    name = f"publish {event.event_type.rsplit('.', 1)[-1]}"
    with telemetry.span(name, kind=SpanKind.PRODUCER, parent=parent, attributes=attributes):
        pass


def _fitting(rows: Sequence[Row[Any]]) -> int:
    """How many rows fit into one batch; at least one."""
    total = 0
    for count, row in enumerate(rows):
        total += len(row.payload)
        if total > BATCH_BYTES_MAX:
            return max(1, count)
    return len(rows)
