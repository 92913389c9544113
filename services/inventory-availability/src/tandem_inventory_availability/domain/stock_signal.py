"""What a source says of its stock, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.stock_book import Origin
from tandem_inventory_availability.domain.stock_position import StockKey


class SignalKind(StrEnum):
    """A change, or the new figure."""

    DELTA = "DELTA"
    SNAPSHOT = "SNAPSHOT"


class SignalOutcome(StrEnum):
    """What can become of a signal."""

    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"
    CONFLICT = "CONFLICT"
    SUPERSEDED = "SUPERSEDED"
    APPLIED_WITH_GAP = "APPLIED_WITH_GAP"
    STALE = "STALE"
    REFUSED = "REFUSED"
    HELD_BACK = "HELD_BACK"


@dataclass(frozen=True, order=True)
class SourceKey:
    """A source of stock figures of one tenant."""

    tenant: str
    source: str


@dataclass(frozen=True)
class StockSignal:
    """A delta or a snapshot of one position; ``sequence`` counts in its source from 1."""

    source: SourceKey
    sequence: int
    key: StockKey
    kind: SignalKind
    quantity: int
    cause: str
    reference: str
    effective_at: datetime
    place: str = ""
    """Where in the message it stands, for errors."""
    origin: Origin = field(default_factory=dict, compare=False)

    @property
    def content(self) -> tuple[str, int, str, str]:
        """What a repeat must have in common."""
        return (self.kind.value, self.quantity, self.cause, self.reference)


@dataclass(frozen=True)
class SignalResult:
    """The outcome; ``position`` is the ledger's after it, 0 when nothing was booked."""

    outcome: SignalOutcome
    position: int = 0
    reason: str = ""
