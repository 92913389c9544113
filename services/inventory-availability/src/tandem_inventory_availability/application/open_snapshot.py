"""OpenSnapshot: begins a snapshot that is sent in parts."""

from __future__ import annotations

from datetime import datetime

from tandem_inventory_availability.application.ports import SignalTransaction
from tandem_inventory_availability.application.signal_ports import SnapshotJob, SnapshotStore
from tandem_inventory_availability.domain.errors import SignalConflict
from tandem_inventory_availability.domain.signal_checks import (
    check_owner,
    check_suits,
    time_reason,
)
from tandem_inventory_availability.domain.signal_errors import SignalUnsuitable
from tandem_inventory_availability.domain.snapshot_file import SnapshotHeader
from tandem_inventory_availability.domain.stock_signal import SignalKind

HEADER = "header"


async def open_snapshot(
    store: SnapshotStore,
    transaction: SignalTransaction,
    header: SnapshotHeader,
    asked: tuple[str, datetime],
) -> SnapshotJob:
    """The open job; ``asked`` is its id, and now.

    What would be refused at its first row is refused here. Raises SourceUnknown, SourceNotOwner,
    SignalUnsuitable, EpochAhead, SignalConflict, LocationUnknown.
    """
    job_id, now = asked
    example = header.signal("", 0, job_id, HEADER)
    book = await transaction.open([example], now)
    stream = book.stream_of(example)
    check_suits(stream, example)
    check_owner(stream, example)
    if untrusted := time_reason(stream, example, book.now_micros):
        raise SignalUnsuitable(header.source.source, untrusted, f"{HEADER}.as_of_time")
    ranked = stream.ranked(example)
    before = book.first.get((ranked.source, stream.identity(ranked)))
    if before not in (None, SignalKind.SNAPSHOT):
        raise SignalConflict(header.source.source, header.sequence)
    job = SnapshotJob(job_id, header.source.tenant, header, "OPEN", now)
    await store.open(job)
    return job
