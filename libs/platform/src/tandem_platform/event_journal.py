"""Events as rows: the truth of a service, and the outbox its relay publishes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_core.ids import deterministic_id

from tandem_platform import telemetry
from tandem_platform.event_subjects import area_of_type
from tandem_platform.partitions import partition_of

# Below the server's 1 MiB, with room for headers; a larger event would block its partition.
PAYLOAD_BYTES_MAX = 900_000

# Header values are visible ASCII; everything else is percent-encoded, as CloudEvents does it. So is
# the space: NATS trims values.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")


@dataclass(frozen=True)
class JournalEvent:
    """One event of one aggregate; ``aggregate_version`` counts from 1 without gaps."""

    event_id: str
    event_type: str
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    partition_key: str
    payload: bytes
    occurred_at: datetime
    tenant: str
    headers: Mapping[str, str] = field(default_factory=dict)


def event_from(  # noqa: PLR0913  keyword-only, one per column
    message: Message,
    *,
    aggregate_type: str,
    aggregate_id: str,
    aggregate_version: int,
    occurred_at: datetime,
    tenant: str,
    partition_key: str | None = None,
    causation_id: str | None = None,
    correlation_id: str | None = None,
    origin: Mapping[str, str] | None = None,
) -> JournalEvent:
    """The journal row of an event message, carrying the current trace.

    Its id follows from the aggregate and the version, so deciding the same again gives the same
    event. ``partition_key`` is the aggregate's id by default. ``origin`` are the trace headers of
    whoever asked, for a batch that carries out commands of many callers. Raises ValidationFailed
    when the event is too large for the bus.
    """
    payload = message.SerializeToString(deterministic=True)
    if len(payload) > PAYLOAD_BYTES_MAX:
        told = f"has {len(payload)} bytes, at most {PAYLOAD_BYTES_MAX} fit into an event"
        raise ValidationFailed([FieldViolation(message.DESCRIPTOR.full_name, told)])
    headers = dict(origin or ())
    if not headers:
        telemetry.inject(headers)
    if causation_id:
        headers["ce-causationid"] = causation_id
    if correlation_id:
        headers["ce-correlationid"] = correlation_id
    return JournalEvent(
        event_id=deterministic_id(
            "event", tenant, aggregate_type, aggregate_id, str(aggregate_version)
        ),
        event_type=message.DESCRIPTOR.full_name,
        aggregate_type=aggregate_type,
        aggregate_id=aggregate_id,
        aggregate_version=aggregate_version,
        partition_key=aggregate_id if partition_key is None else partition_key,
        payload=payload,
        occurred_at=occurred_at,
        tenant=tenant,
        headers=headers,
    )


def published_headers(event: JournalEvent, source: str) -> dict[str, str]:
    """CloudEvents attributes and ours (PLATFORM D47); ``source`` is a service's name."""
    return {
        **event.headers,
        "ce-specversion": "1.0",
        "ce-id": event.event_id,
        "ce-source": f"/tandem/{source}",
        "ce-type": event.event_type,
        "ce-time": event.occurred_at.isoformat(),
        "ce-subject": quote(event.aggregate_id, safe=_PLAIN),
        "ce-datacontenttype": "application/protobuf",
        "ce-partitionkey": quote(event.partition_key, safe=_PLAIN),
        "ce-sequence": str(event.aggregate_version),
        "tandem-tenant": quote(event.tenant, safe=_PLAIN),
        "tandem-aggregate-type": event.aggregate_type,
    }


_INSERT = text("""
    INSERT INTO event_journal (event_id, tenant, part, partition_key, agg_type, agg_id,
                               agg_version, type, payload, headers, occurred_at)
    SELECT event_id, tenant, part, partition_key, agg_type, agg_id,
           agg_version, type, payload, headers::jsonb, occurred_at
    FROM unnest(CAST(:event_id AS uuid[]), CAST(:tenant AS text[]), CAST(:part AS smallint[]),
                CAST(:partition_key AS text[]), CAST(:agg_type AS text[]),
                CAST(:agg_id AS text[]), CAST(:agg_version AS bigint[]), CAST(:type AS text[]),
                CAST(:payload AS bytea[]), CAST(:headers AS text[]),
                CAST(:occurred_at AS timestamptz[])) WITH ORDINALITY
         AS event (event_id, tenant, part, partition_key, agg_type, agg_id,
                   agg_version, type, payload, headers, occurred_at, position)
    ORDER BY position
""")


class EventJournal:
    """Writes the events of one service; ``area`` is the only area it may publish.

    Write after the aggregate's row is locked or updated: then ids of one aggregate rise in the
    order of its commits, which is what the relay's order rests on.
    """

    def __init__(self, area: str, partitions: int) -> None:
        self.area = area
        self.partitions = partitions
        self._listeners: list[Callable[[], None]] = []

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Calls ``listener`` in process after every commit that wrote events."""
        self._listeners.append(listener)

    def committed(self) -> None:
        """Says that events were committed."""
        for listener in self._listeners:
            listener()

    async def write(self, connection: AsyncConnection, events: Sequence[JournalEvent]) -> None:
        """Inserts events in order, in one statement.

        Raises sqlalchemy's IntegrityError when a version of an aggregate exists already, and
        ValueError for an event of another area.
        """
        if not events:
            return
        for event in events:
            if area_of_type(event.event_type) != self.area:
                raise ValueError(f"{event.event_type} is not an event of area {self.area}")
        await connection.execute(_INSERT, self._columns(events))

    def _columns(self, events: Sequence[JournalEvent]) -> dict[str, object]:
        return {
            "event_id": [e.event_id for e in events],
            "tenant": [e.tenant for e in events],
            "part": [partition_of(e.partition_key, self.partitions) for e in events],
            "partition_key": [e.partition_key for e in events],
            "agg_type": [e.aggregate_type for e in events],
            "agg_id": [e.aggregate_id for e in events],
            "agg_version": [e.aggregate_version for e in events],
            "type": [e.event_type for e in events],
            "payload": [e.payload for e in events],
            "headers": [json.dumps(dict(e.headers)) for e in events],
            "occurred_at": [e.occurred_at for e in events],
        }
