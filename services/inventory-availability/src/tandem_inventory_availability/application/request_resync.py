"""RequestResync: asks a source to send again what is missing, or a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tandem_core.errors import FieldViolation, NotFound, ValidationFailed

from tandem_inventory_availability.application.signal_ports import StreamStore
from tandem_inventory_availability.domain.resync import ResyncKind, ResyncRequest
from tandem_inventory_availability.domain.stock_signal import SourceKey


@dataclass(frozen=True)
class RequestResync:
    """What is asked for; without ``first`` all numbers that are missing."""

    key: SourceKey
    kind: ResyncKind
    first: int
    last: int
    cause: str


async def request_resync(
    store: StreamStore, wanted: RequestResync, request_id: str, now: datetime
) -> ResyncRequest:
    """The open request. Raises NotFound, ValidationFailed for a range that runs backwards."""
    stream = await store.lock(wanted.key)
    if stream is None:
        raise NotFound("stock stream", wanted.key.source)
    first, last = wanted.first, wanted.last
    if last < first:
        violation = FieldViolation("range.last", "is before range.first", "not_before")
        raise ValidationFailed([violation])
    if wanted.kind is ResyncKind.REPLAY and not first:
        holes = stream.seen.holes
        first, last = (holes[0][0], holes[-1][1]) if holes else (1, max(1, stream.seen.highest))
    if wanted.kind is ResyncKind.SNAPSHOT:
        first = last = 0
    request = ResyncRequest(request_id, wanted.kind, first, last, wanted.cause, now, now)
    kept = await store.ask(stream, request)
    await store.save(stream)
    return kept
