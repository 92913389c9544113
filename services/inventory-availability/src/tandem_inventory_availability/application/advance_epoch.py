"""AdvanceEpoch: a source's numbering starts anew, from a snapshot."""

from __future__ import annotations

from datetime import datetime

from tandem_core.errors import NotFound

from tandem_inventory_availability.application.signal_ports import StreamStore
from tandem_inventory_availability.domain.resync import EPOCH, ResyncKind, ResyncRequest
from tandem_inventory_availability.domain.sequence_set import SequenceSet
from tandem_inventory_availability.domain.signal_errors import EpochMoved
from tandem_inventory_availability.domain.stock_signal import SourceKey


async def advance_epoch(
    store: StreamStore, key: SourceKey, expected: int, asked: tuple[str, datetime]
) -> int:
    """The epoch that begins; ``asked`` is the id of the request for its snapshot, and now.

    Raises NotFound, EpochMoved.
    """
    request_id, now = asked
    stream = await store.lock(key)
    if stream is None:
        raise NotFound("stock stream", key.source)
    if stream.epoch != expected:
        raise EpochMoved(key.source, expected, stream.epoch)
    stream.epoch, stream.seen = stream.epoch + 1, SequenceSet()
    await store.let_go(stream)
    request = ResyncRequest(request_id, ResyncKind.SNAPSHOT, 0, 0, EPOCH, now, now)
    await store.ask(stream, request)
    await store.save(stream)
    return stream.epoch
