"""What can be wrong with a command or a signal.

DomainError
├── InsufficientStock       INSUFFICIENT_STOCK
├── SkuUnknown              SKU_UNKNOWN
├── LocationUnknown         LOCATION_UNKNOWN
├── GroupUnknown            GROUP_UNKNOWN
├── GroupNotEligible        GROUP_NOT_ELIGIBLE
├── PositionMoved           POSITION_MOVED
├── ReservationChanged      RESERVATION_CHANGED
├── HoldLimitReached        HOLD_LIMIT
├── OwnerBusy               OWNER_BUSY
├── BucketEmpty             BUCKET_EMPTY
├── StockBusy               STOCK_BUSY
├── ReservationStateWrong   RESERVATION_STATE
├── ReservationLineNotOpen  RESERVATION_LINE
├── SignalConflict          SIGNAL_CONFLICT
├── QuantityOutOfRange      QUANTITY_OUT_OF_RANGE
└── UnsupportedEnum         UNSUPPORTED_ENUM
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(frozen=True)
class Short:
    """One SKU at one location that cannot be promised in full."""

    sku: str
    location: str
    requested: int
    available: int
    group: str = ""


@dataclass(frozen=True)
class Alternative:
    """Units of a SKU that can be promised elsewhere."""

    sku: str
    location: str
    available: int


class InsufficientStock(DomainError):
    """Less can be promised than was asked; nothing was reserved."""

    reason = "INSUFFICIENT_STOCK"

    def __init__(self, tenant: str, shorts: Sequence[Short]) -> None:
        super().__init__()
        first = shorts[0]
        self.sku, self.location = first.sku, first.location
        self.requested, self.available = first.requested, first.available
        self._tenant = tenant
        self._shorts = tuple(shorts)
        self._alternatives: tuple[Alternative, ...] = ()

    @property
    def tenant(self) -> str:
        """Whose stock it is; not part of what the caller sees."""
        return self._tenant

    @property
    def shorts(self) -> tuple[Short, ...]:
        """Everything that fell short."""
        return self._shorts

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Other locations with stock of those SKUs, best first."""
        return self._alternatives

    def offer(self, alternatives: Sequence[Alternative]) -> None:
        """Adds where else there is stock; known only after the decision."""
        self._alternatives = tuple(alternatives)


@dataclass(eq=False)
class SkuUnknown(DomainError):
    """The SKU is not in the catalogue of this tenant."""

    reason: ClassVar[str] = "SKU_UNKNOWN"
    sku: str
    field: str


@dataclass(eq=False)
class LocationUnknown(DomainError):
    """There is no such location for this tenant."""

    reason: ClassVar[str] = "LOCATION_UNKNOWN"
    location: str
    field: str


@dataclass(eq=False)
class GroupUnknown(DomainError):
    """There is no such sourcing group now."""

    reason: ClassVar[str] = "GROUP_UNKNOWN"
    group: str
    field: str


@dataclass(eq=False)
class GroupNotEligible(DomainError):
    """The group does not serve the channel or mode, or the location is no member."""

    reason: ClassVar[str] = "GROUP_NOT_ELIGIBLE"
    group: str
    field: str


@dataclass(eq=False)
class PositionMoved(DomainError):
    """Stock moved since the caller planned."""

    reason: ClassVar[str] = "POSITION_MOVED"
    sku: str
    location: str
    expected: int
    actual: int


@dataclass(eq=False)
class ReservationChanged(DomainError):
    """The reservation changed since the caller read it."""

    reason: ClassVar[str] = "RESERVATION_CHANGED"
    reservation_id: str
    expected: int
    actual: int


@dataclass(eq=False)
class HoldLimitReached(DomainError):
    """The hold was extended as often, or lasts as long, as its rule allows."""

    reason: ClassVar[str] = "HOLD_LIMIT"
    reservation_id: str
    limit: str


@dataclass(eq=False)
class OwnerBusy(DomainError):
    """The owner holds another reservation."""

    reason: ClassVar[str] = "OWNER_BUSY"
    owner_id: str
    reservation_id: str


@dataclass(eq=False)
class BucketEmpty(DomainError):
    """Fewer units are in a state than shall leave it."""

    reason: ClassVar[str] = "BUCKET_EMPTY"
    sku: str
    location: str
    bucket: str
    requested: int
    held: int


@dataclass(eq=False)
class StockBusy(DomainError):
    """Rows changed under the decision more often than it tries again; nothing was done."""

    reason: ClassVar[str] = "STOCK_BUSY"
    resource: str


@dataclass(eq=False)
class ReservationStateWrong(DomainError):
    """The reservation's state does not allow the step."""

    reason: ClassVar[str] = "RESERVATION_STATE"
    reservation_id: str
    state: str


@dataclass(eq=False)
class ReservationLineNotOpen(DomainError):
    """The line is not part of the reservation, or not open for that many units."""

    reason: ClassVar[str] = "RESERVATION_LINE"
    line_id: str
    requested: int
    open: int


@dataclass(eq=False)
class SignalConflict(DomainError):
    """The sequence number was used for another signal."""

    reason: ClassVar[str] = "SIGNAL_CONFLICT"
    source: str
    sequence: int


@dataclass(eq=False)
class QuantityOutOfRange(DomainError):
    """A stock figure would leave the range of 64 bits."""

    reason: ClassVar[str] = "QUANTITY_OUT_OF_RANGE"
    sku: str
    location: str


@dataclass(eq=False)
class UnsupportedEnum(DomainError):
    """A value newer than this service; it is refused, never guessed."""

    reason: ClassVar[str] = "UNSUPPORTED_ENUM"
    field: str
    value: int
