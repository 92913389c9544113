"""Events that could not be applied: kept with their reason, their key parked, until repaired.

    OPEN --requeue--> REQUEUED --applied--> RESOLVED
      ^                  |refused again
      +------------------+
    OPEN --discard--> DISCARDED

``resume_pending`` tells the consumer that owns the partition to go on with the key: to apply the
requeued event, then to read the key's later events from the journal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.errors import DomainError, NotFound

from tandem_platform import event_payload, version_gate
from tandem_platform.delivery import Delivery
from tandem_platform.failure_kind import detail_of, reason_of

OPEN = "OPEN"
REQUEUED = "REQUEUED"
RESOLVED = "RESOLVED"
DISCARDED = "DISCARDED"

_COLUMNS = """id, consumer, stream, stream_seq, part, event_id, event_type, tenant, agg_type,
    agg_id, agg_version, source, occurred_at, payload, repaired_payload, headers, reason, detail,
    attempts, first_at, last_at, state, resume_pending, note"""


@dataclass(eq=False)
class DeadLetterClosed(DomainError):
    """It was resolved or discarded before."""

    reason: ClassVar[str] = "DEAD_LETTER_CLOSED"
    dead_letter_id: str
    state: str


@dataclass(frozen=True)
class DeadLetter:
    """One refused event."""

    id: str
    consumer: str
    stream: str
    partition: int
    delivery: Delivery
    repaired_payload: bytes | None
    reason: str
    detail: str
    attempts: int
    first_at: datetime
    last_at: datetime
    state: str
    note: str

    @property
    def to_apply(self) -> Delivery:
        """The event as it is applied after a requeue: repaired, when it was repaired."""
        if self.repaired_payload is None:
            return self.delivery
        return Delivery(**{**vars(self.delivery), "payload": self.repaired_payload})


@dataclass(frozen=True)
class Refusal:
    """A delivery a consumer refuses, and why."""

    id: str
    consumer: str
    stream: str
    partition: int
    delivery: Delivery
    error: BaseException


_STORE = text("""
    INSERT INTO dead_letter (id, consumer, stream, stream_seq, part, event_id, event_type, tenant,
        agg_type, agg_id, agg_version, source, occurred_at, payload, headers, reason, detail)
    VALUES (:id, :consumer, :stream, :stream_seq, :part, :event_id, :event_type, :tenant,
        :agg_type, :agg_id, :agg_version, :source, :occurred_at, :payload,
        CAST(:headers AS jsonb), :reason, :detail)
    ON CONFLICT ON CONSTRAINT dead_letter_once DO UPDATE
    SET reason = EXCLUDED.reason, detail = EXCLUDED.detail, state = 'OPEN',
        resume_pending = false, attempts = dead_letter.attempts + 1, last_at = clock_timestamp()
    RETURNING id
""")


async def store(connection: AsyncConnection, refusal: Refusal, applied_version: int) -> None:
    """Keeps a refused event and parks its key; the same event refused again stays one row."""
    delivery = refusal.delivery
    stored = await connection.execute(
        _STORE,
        {
            "id": refusal.id,
            "consumer": refusal.consumer,
            "stream": refusal.stream,
            "stream_seq": delivery.stream_seq,
            "part": refusal.partition,
            "event_id": delivery.event_id,
            "event_type": delivery.event_type,
            "tenant": delivery.tenant,
            "agg_type": delivery.aggregate_type,
            "agg_id": delivery.aggregate_id,
            "agg_version": delivery.aggregate_version,
            "source": delivery.source,
            "occurred_at": delivery.occurred_at,
            "payload": delivery.payload,
            "headers": json.dumps(dict(delivery.headers)),
            "reason": reason_of(refusal.error),
            "detail": detail_of(refusal.error),
        },
    )
    await version_gate.set_parked(
        connection,
        refusal.consumer,
        delivery.key,
        version=applied_version,
        parked_by=str(stored.scalar_one()),
    )


async def get(
    connection: AsyncConnection, dead_letter_id: str, *, for_update: bool = False
) -> DeadLetter:
    """One dead letter. Raises NotFound."""
    lock = "FOR UPDATE" if for_update else ""
    query = text(f"SELECT {_COLUMNS} FROM dead_letter WHERE id = CAST(:id AS uuid) {lock}")
    row = (await connection.execute(query, {"id": dead_letter_id})).first()
    if row is None:
        raise NotFound(resource="dead_letter", id=dead_letter_id)
    return _from_row(row)


_PAGE = text(f"""
    SELECT {_COLUMNS} FROM dead_letter
    WHERE state = :state
      AND (CAST(:before AS timestamptz) IS NULL
           OR (first_at, id) < (:before, CAST(:before_id AS uuid)))
    ORDER BY first_at DESC, id DESC LIMIT :rows
""")


async def page(
    connection: AsyncConnection, state: str, before: tuple[datetime, str] | None, rows: int
) -> list[DeadLetter]:
    """Dead letters of a state, newest first, older than ``before`` (time, id)."""
    at, before_id = before or (None, None)
    parameters = {"state": state, "before": at, "before_id": before_id, "rows": rows}
    return [_from_row(row) for row in await connection.execute(_PAGE, parameters)]


async def requeue(
    connection: AsyncConnection, dead_letter_id: str, *, repaired_json: str, note: str
) -> DeadLetter:
    """Sends it round again, with a repaired payload when one is given.

    Raises NotFound, DeadLetterClosed, PayloadUnreadable or ValidationFailed.
    """
    letter = await _open(connection, dead_letter_id)
    payload = letter.repaired_payload
    if repaired_json:
        payload = event_payload.from_json(
            letter.delivery.event_type, repaired_json, letter.delivery.payload
        )
    await connection.execute(
        text("""UPDATE dead_letter SET state = 'REQUEUED', resume_pending = true,
                repaired_payload = :payload, note = :note WHERE id = CAST(:id AS uuid)"""),
        {"id": dead_letter_id, "payload": payload, "note": note},
    )
    return await get(connection, dead_letter_id)


async def discard(connection: AsyncConnection, dead_letter_id: str, *, note: str) -> DeadLetter:
    """Sets it aside: the key counts as applied up to it and goes on.

    Raises NotFound or DeadLetterClosed.
    """
    letter = await _open(connection, dead_letter_id)
    await free_key(connection, letter, DISCARDED)
    await connection.execute(
        text("UPDATE dead_letter SET note = :note WHERE id = CAST(:id AS uuid)"),
        {"id": dead_letter_id, "note": note},
    )
    return await get(connection, dead_letter_id)


async def free_key(connection: AsyncConnection, letter: DeadLetter, state: str) -> None:
    """Closes the letter; its key goes on after it, read from the journal by its consumer."""
    key, version = letter.delivery.key, letter.delivery.aggregate_version
    await version_gate.lock_states(connection, letter.consumer, [key])
    await version_gate.store_versions(connection, letter.consumer, {key: version})
    await version_gate.set_parked(connection, letter.consumer, key, version=version, parked_by=None)
    await connection.execute(
        text("""UPDATE dead_letter SET state = :state, resume_pending = true,
                last_at = clock_timestamp() WHERE id = CAST(:id AS uuid)"""),
        {"id": letter.id, "state": state},
    )


async def resumable(
    connection: AsyncConnection, consumer: str, partitions: Sequence[int], rows: int
) -> list[DeadLetter]:
    """Letters of these partitions whose key waits to go on."""
    found = await connection.execute(
        text(f"""SELECT {_COLUMNS} FROM dead_letter
                 WHERE consumer = :consumer AND resume_pending
                   AND part = ANY (CAST(:parts AS smallint[]))
                 ORDER BY last_at LIMIT :rows"""),
        {"consumer": consumer, "parts": list(partitions), "rows": rows},
    )
    return [_from_row(row) for row in found]


async def resumed(connection: AsyncConnection, letter: DeadLetter) -> None:
    """Says that the key has caught up with the journal."""
    await connection.execute(
        text("UPDATE dead_letter SET resume_pending = false WHERE id = CAST(:id AS uuid)"),
        {"id": letter.id},
    )


async def _open(connection: AsyncConnection, dead_letter_id: str) -> DeadLetter:
    letter = await get(connection, dead_letter_id, for_update=True)
    if letter.state in (RESOLVED, DISCARDED):
        raise DeadLetterClosed(dead_letter_id, letter.state)
    return letter


def _from_row(row: Row[Any]) -> DeadLetter:
    delivery = Delivery(
        event_id=row.event_id,
        event_type=row.event_type,
        aggregate_type=row.agg_type,
        aggregate_id=row.agg_id,
        aggregate_version=row.agg_version,
        occurred_at=row.occurred_at,
        tenant=row.tenant,
        source=row.source,
        payload=bytes(row.payload),
        headers=row.headers,
        stream_seq=row.stream_seq,
    )
    return DeadLetter(
        id=str(row.id),
        consumer=row.consumer,
        stream=row.stream,
        partition=row.part,
        delivery=delivery,
        repaired_payload=bytes(row.repaired_payload) if row.repaired_payload else None,
        reason=row.reason,
        detail=row.detail,
        attempts=row.attempts,
        first_at=row.first_at,
        last_at=row.last_at,
        state=row.state,
        note=row.note,
    )
