"""What a source says of its stock, and what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from tandem_inventory_availability.domain.stock_book import Origin
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class SignalKind(StrEnum):
    """A change, the new figure, units that change state, or the count of one position."""

    DELTA = "DELTA"
    SNAPSHOT = "SNAPSHOT"
    MOVE = "MOVE"
    COUNT = "COUNT"


ABSOLUTE = frozenset({SignalKind.SNAPSHOT, SignalKind.COUNT})


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
    STALE_EPOCH = "STALE_EPOCH"
    PARKED = "PARKED"
    ECHO = "ECHO"
    DROPPED = "DROPPED"


BOOKED = frozenset({SignalOutcome.APPLIED, SignalOutcome.APPLIED_WITH_GAP})


@dataclass(frozen=True, order=True)
class SourceKey:
    """A source of stock figures of one tenant."""

    tenant: str
    source: str


@dataclass(frozen=True, order=True)
class Rank:
    """Where a signal stands among those of its source: epoch, number, and what parts equals.

    The number is a sequence, a version, a time in microseconds or the order of arrival, as the
    source is sequenced.
    """

    epoch: int
    number: int
    tie: str = ""


@dataclass(frozen=True)
class StockSignal:
    """A report on one position. ``state`` is the bucket it speaks of, of a move the one that is
    left; ``tie`` names the signal where the number alone does not."""

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
    state: Bucket = Bucket.SELLABLE
    to_state: Bucket | None = None
    epoch: int = 0
    tie: str = ""
    token: str = ""
    scale: int | None = None
    covers: Mapping[str, int] = field(default_factory=dict, compare=False)
    reviewed: bool = False
    """An operator looked at it: neither its age nor its scale is asked again."""
    known_as: str = ""
    """Digest of what the source sent, when an operator edited it: repeats have that content."""

    @cached_property
    def rank(self) -> Rank:
        """Where it stands among the signals of its source."""
        return Rank(self.epoch, self.sequence, self.tie)

    @property
    def absolute(self) -> bool:
        """True when it gives a new figure."""
        return self.kind in ABSOLUTE

    @property
    def content(self) -> tuple[str, int, str, str, str]:
        """What a repeat must have in common."""
        to_state = self.to_state.value if self.to_state else ""
        return (self.kind.value, self.quantity, self.cause, self.reference, to_state)

    @property
    def sent_content(self) -> tuple[str, int, str, str, str]:
        """Of the leg of a move that leaves: the content of the whole move as it was sent."""
        kind, quantity, cause, reference, to_state = self.content
        sent = abs(quantity) if self.kind is SignalKind.MOVE else quantity
        return (kind, sent, cause, reference, to_state)

    @cached_property
    def micros(self) -> int:
        """Its time in microseconds since 1970."""
        return (self.effective_at - _START) // _MICROSECOND

    @property
    def raises_sellable(self) -> bool:
        """Of a delta or one leg of a move: true when more could be promised by it, so that it waits
        while something is missing."""
        gains = self.state if self.quantity > 0 else self.to_state
        return gains is Bucket.SELLABLE

    def legs(self) -> tuple[StockSignal, ...]:
        """Changes of single states: two of a move, else the signal itself."""
        if self.kind is not SignalKind.MOVE or self.to_state is None:
            return (self,)
        arrival = replace(self, state=self.to_state, to_state=self.state)
        return (replace(self, quantity=-self.quantity), arrival)


def digest(signal: StockSignal) -> str:
    """Names a signal by all it says; equal for equal content, in 32 hexadecimal digits."""
    parts = (
        *signal.content,
        signal.key.sku,
        signal.key.location,
        signal.state.value,
        signal.epoch,
        signal.sequence,
        signal.micros,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class SignalResult:
    """The outcome; ``position`` is the ledger's after it, 0 when nothing was booked."""

    outcome: SignalOutcome
    position: int = 0
    reason: str = ""
    field: str = ""
    parked_id: str = ""
    ambiguous: bool = False
