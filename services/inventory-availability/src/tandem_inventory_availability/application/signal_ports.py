"""What the use cases around signals need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_inventory_availability.domain.resync import ResyncRequest
from tandem_inventory_availability.domain.signal_source import SignalSource, SourceRegistry
from tandem_inventory_availability.domain.snapshot_file import SnapshotFaults, SnapshotHeader
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_position import Bucket
from tandem_inventory_availability.domain.stock_signal import SourceKey, StockSignal


class SourceStore(Protocol):
    """The registry of sources in one open transaction."""

    async def read(self, tenant: str) -> SourceRegistry:
        """The sources as they stand."""
        ...

    async def lock(self, tenant: str) -> SourceRegistry:
        """The sources, about to change."""
        ...

    async def put(
        self, tenant: str, sources: Sequence[SignalSource], replaced: Sequence[str]
    ) -> None:
        """Writes sources and removes those they replace."""
        ...

    async def counted(self, tenant: str) -> Mapping[tuple[str, str, Bucket], int]:
        """How many positions each stream counted, by stream, location and state."""
        ...

    async def streams(self, tenant: str) -> Sequence[str]:
        """Streams that ever reported."""
        ...


class StreamStore(Protocol):
    """One stream in one open transaction."""

    async def lock(self, key: SourceKey) -> SourceStream | None:
        """The stream, about to change; None when it never reported or is not registered."""
        ...

    async def save(self, stream: SourceStream) -> None:
        """Writes the stream."""
        ...

    async def let_go(self, stream: SourceStream) -> None:
        """Forgets what is kept back of older epochs."""
        ...

    async def ask(self, stream: SourceStream, request: ResyncRequest) -> ResyncRequest:
        """Keeps the stream's open request, in place of an earlier one, and tells the source."""
        ...


@dataclass(frozen=True)
class Parked:
    """A parked signal as it stands."""

    id: str
    signal: StockSignal
    reason: str
    state: str
    parked_at: datetime
    resolution_reason: str = ""
    resolved_by: str = ""


class ParkedStore(Protocol):
    """Parked signals in one open transaction."""

    async def lock(self, tenant: str, parked_id: str) -> Parked | None:
        """A parked signal, about to be decided."""
        ...

    async def decide(self, tenant: str, parked: Parked) -> None:
        """Writes the decision."""
        ...


@dataclass(frozen=True)
class SnapshotJob:
    """A snapshot on its way; `state` is OPEN, ACCEPTED, APPLIED or REFUSED."""

    id: str
    tenant: str
    header: SnapshotHeader
    state: str
    created_at: datetime
    received_rows: int = 0
    total_rows: int = 0
    applied_rows: int = 0
    changed_rows: int = 0
    reason: str = ""
    finished_at: datetime | None = None


class SnapshotStore(Protocol):
    """Snapshots in one open transaction."""

    async def open(self, job: SnapshotJob) -> None:
        """Keeps a new job."""
        ...

    async def lock(self, tenant: str, job_id: str) -> SnapshotJob | None:
        """A job, about to change."""
        ...

    async def add_rows(self, job: SnapshotJob, rows: Sequence[tuple[str, int]]) -> int:
        """Keeps rows by SKU, each once; how many there are now."""
        ...

    async def faults(self, job: SnapshotJob) -> SnapshotFaults:
        """What is wrong with the rows that came."""
        ...

    async def accept(self, job: SnapshotJob) -> SnapshotJob:
        """Makes it ready to be applied; a full one gets a zero for each SKU it does not list."""
        ...

    async def refuse(self, job: SnapshotJob, reason: str, now: datetime) -> None:
        """Ends it and forgets its rows."""
        ...
