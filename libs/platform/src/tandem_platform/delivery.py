"""An event as a consumer sees it, whether it came by the bus or from a journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from opentelemetry.trace import SpanKind
from tandem.ops.v1 import journal_service_pb2

from tandem_platform import telemetry
from tandem_platform.aggregate_key import AggregateKey
from tandem_platform.request_context import Caller, acting_as


class HeadersUnreadable(Exception):
    """A message on the bus lacks the headers every event of ours carries."""


@dataclass(frozen=True)
class Delivery:
    """One event to apply; ``payload`` is the bare message named by ``event_type``."""

    event_id: str
    event_type: str
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    occurred_at: datetime
    tenant: str
    source: str
    payload: bytes
    headers: Mapping[str, str]
    stream_seq: int | None = None

    @property
    def key(self) -> AggregateKey:
        """The aggregate it belongs to."""
        return AggregateKey(self.tenant, self.aggregate_type, self.aggregate_id)

    @contextmanager
    def processing(self, consumer: str = "") -> Iterator[None]:
        """Runs the block in the trace the event was recorded in, acting for its tenant.

        Appliers use it around each delivery of a batch, so that what they record carries on the
        right trace.
        """
        attributes: dict[str, str | int | bool] = {
            "messaging.system": "nats",
            "messaging.consumer.group.name": consumer,
            "tandem.aggregate.id": self.aggregate_id,
            "tandem.aggregate.version": self.aggregate_version,
        }
        name = f"process {self.event_type.rsplit('.', 1)[-1]}"
        parent = telemetry.extract(self.headers)
        caller = Caller(subject=consumer or "consumer", tenant=self.tenant)
        opened = telemetry.span(name, kind=SpanKind.CONSUMER, parent=parent, attributes=attributes)
        with opened, acting_as(caller, method=consumer):
            yield


def from_message(headers: Mapping[str, str], payload: bytes, stream_seq: int) -> Delivery:
    """The event a message of the bus carries. Raises HeadersUnreadable."""
    try:
        return Delivery(
            event_id=headers["ce-id"],
            event_type=headers["ce-type"],
            aggregate_type=headers["tandem-aggregate-type"],
            aggregate_id=unquote(headers["ce-subject"]),
            aggregate_version=int(headers["ce-sequence"]),
            occurred_at=datetime.fromisoformat(headers["ce-time"]),
            tenant=unquote(headers["tandem-tenant"]),
            source=headers["ce-source"].rsplit("/", 1)[-1],
            payload=payload,
            headers=dict(headers),
            stream_seq=stream_seq,
        )
    except (KeyError, ValueError) as error:
        raise HeadersUnreadable(f"{error}") from error


def from_record(record: journal_service_pb2.JournalRecord, source: str) -> Delivery:
    """The event a journal record of service ``source`` holds."""
    return Delivery(
        event_id=record.event_id,
        event_type=record.event_type,
        aggregate_type=record.aggregate_type,
        aggregate_id=record.aggregate_id,
        aggregate_version=record.aggregate_version,
        occurred_at=record.occur_time.ToDatetime(tzinfo=UTC),
        tenant=record.tenant,
        source=source,
        payload=record.payload,
        headers=dict(record.headers),
    )
