"""What can be wrong with sources, signals and snapshots.

DomainError
├── SourceUnknown          SOURCE_UNKNOWN
├── SourceNotOwner         SOURCE_NOT_OWNER
├── OwnershipOverlaps      OWNERSHIP_OVERLAPS
├── SourceMoved            SOURCE_MOVED
├── SignalUnsuitable       SIGNAL_UNSUITABLE
├── EpochAhead             EPOCH_AHEAD
├── EpochMoved             EPOCH_MOVED
├── ParkedSignalResolved   PARKED_SIGNAL_RESOLVED
├── SnapshotClosed         SNAPSHOT_CLOSED
├── SnapshotIncomplete     STOCK_SNAPSHOT_INCOMPLETE
├── SnapshotRowsWrong      SNAPSHOT_ROWS_WRONG
└── QuantityMoved          QUANTITY_MOVED
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class SourceUnknown(DomainError):
    """Nobody registered the source."""

    reason: ClassVar[str] = "SOURCE_UNKNOWN"
    source: str
    field: str


@dataclass(eq=False)
class SourceNotOwner(DomainError):
    """Only the owner of a state at a location may count it."""

    reason: ClassVar[str] = "SOURCE_NOT_OWNER"
    source: str
    location: str
    state: str
    field: str


@dataclass(eq=False)
class OwnershipOverlaps(DomainError):
    """Two sources would own the same state at the same location."""

    reason: ClassVar[str] = "OWNERSHIP_OVERLAPS"
    source: str
    other: str
    location: str
    field: str


@dataclass(eq=False)
class SourceMoved(DomainError):
    """The source changed since the caller read it."""

    reason: ClassVar[str] = "SOURCE_MOVED"
    source: str
    expected: int
    actual: int


@dataclass(eq=False)
class SignalUnsuitable(DomainError):
    """The signal does not go with what its source was registered as; ``rule`` says which rule."""

    reason: ClassVar[str] = "SIGNAL_UNSUITABLE"
    source: str
    rule: str
    field: str


@dataclass(eq=False)
class EpochAhead(DomainError):
    """The signal is of an epoch that did not begin."""

    reason: ClassVar[str] = "EPOCH_AHEAD"
    source: str
    epoch: int
    current: int
    field: str


@dataclass(eq=False)
class EpochMoved(DomainError):
    """The epoch is not the one the caller wants to end."""

    reason: ClassVar[str] = "EPOCH_MOVED"
    source: str
    expected: int
    actual: int


@dataclass(eq=False)
class ParkedSignalResolved(DomainError):
    """Somebody decided the parked signal before."""

    reason: ClassVar[str] = "PARKED_SIGNAL_RESOLVED"
    parked_signal_id: str
    state: str


@dataclass(eq=False)
class SnapshotClosed(DomainError):
    """The snapshot takes no more rows."""

    reason: ClassVar[str] = "SNAPSHOT_CLOSED"
    job_id: str
    state: str


@dataclass(eq=False)
class SnapshotIncomplete(DomainError):
    """Rows are missing or not those that were declared; nothing of it was applied."""

    reason: ClassVar[str] = "STOCK_SNAPSHOT_INCOMPLETE"
    job_id: str
    field: str
    declared: str
    received: str


@dataclass(eq=False)
class SnapshotRowsWrong(DomainError):
    """Rows cannot be counted; nothing of the snapshot was applied. ``sku`` is the first of them."""

    reason: ClassVar[str] = "SNAPSHOT_ROWS_WRONG"
    job_id: str
    rule: str
    sku: str
    rows: int
    field: str = "rows.sku"


@dataclass(eq=False)
class QuantityMoved(DomainError):
    """The state holds another quantity than the caller expected."""

    reason: ClassVar[str] = "QUANTITY_MOVED"
    sku: str
    location: str
    expected: int
    actual: int
