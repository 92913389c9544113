"""Stock of one SKU at one location: buckets of goods, claims on them, and the ledger of moves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.errors import QuantityOutOfRange

QUANTITY_MAX = 2**62
"""Half of what 64 bits hold: sums of two figures still fit."""


class Bucket(StrEnum):
    """States of physical stock. NONE and OUTSIDE are no stock of ours."""

    OUTSIDE = "OUTSIDE"
    SELLABLE = "SELLABLE"
    QUALITY_HOLD = "QUALITY_HOLD"
    DAMAGED = "DAMAGED"
    RETURN_PENDING = "RETURN_PENDING"
    REFURBISH = "REFURBISH"
    PICKED = "PICKED"
    IN_TRANSIT = "IN_TRANSIT"


@dataclass(frozen=True, order=True)
class StockKey:
    """One SKU at one location of one tenant. Its order is the order rows are locked in."""

    tenant: str
    sku: str
    location: str


@dataclass(frozen=True)
class Movement:
    """Goods that go from one bucket to another; ``quantity`` is at least 1.

    ``local`` movements are told by us (sale, return), the others by the source of the stock.
    """

    from_bucket: Bucket
    to_bucket: Bucket
    quantity: int
    cause: str
    reference: str
    effective_at: datetime
    local: bool = False

    @property
    def sellable_change(self) -> int:
        """What it does to sellable stock."""
        sign = (self.to_bucket is Bucket.SELLABLE) - (self.from_bucket is Bucket.SELLABLE)
        return sign * self.quantity


@dataclass(frozen=True)
class LedgerEntry:
    """A booked movement; ``position`` counts the entries of its key from 1 without gaps."""

    key: StockKey
    position: int
    movement: Movement


@dataclass
class StockPosition:
    """The sum of the ledger and the claims of one key.

    ``soft`` holds everything held, ``soft_expired`` the part whose time is over at the moment the
    position was read: it no longer counts, whether or not the sweeper has been by.
    ``leased`` and ``leased_expired`` do the same for leases of offline sellers.
    ``local_net`` is what our own movements did to sellable stock since the source last counted.
    ``backordered`` (with its expired part) are claimed units that a policy allowed below zero;
    ``stale_at`` is the moment from which the source counts as silent; ``in_conflict`` says that a
    conflict case is open.
    ``level`` is what was last told of what can be promised, ``level_version`` how often.
    """

    key: StockKey
    buckets: dict[Bucket, int] = field(default_factory=dict)
    hard: int = 0
    soft: int = 0
    soft_expired: int = 0
    unsettled: int = 0
    leased: int = 0
    leased_expired: int = 0
    backordered: int = 0
    backordered_expired: int = 0
    local_net: int = 0
    position: int = 0
    version: int = 0
    gap: bool = False
    source_at: datetime | None = None
    stale_at: datetime | None = None
    in_conflict: bool = False
    level: str = ""
    level_version: int = 0
    entries: list[LedgerEntry] = field(default_factory=list)

    @property
    def on_hand(self) -> int:
        """Sellable units; negative when more was sold than counted."""
        return self.buckets.get(Bucket.SELLABLE, 0)

    @property
    def soft_live(self) -> int:
        """Units of holds that have not expired."""
        return self.soft - self.soft_expired

    @property
    def leased_live(self) -> int:
        """Units of leases that have not expired and are not used."""
        return self.leased - self.leased_expired

    @property
    def free(self) -> int:
        """On hand less all claims; negative when claims outrun the stock."""
        claimed = self.hard + self.soft_live + self.unsettled + self.leased_live
        return self.on_hand - claimed

    @property
    def deficit(self) -> int:
        """Claimed units nothing stands behind; those a policy allowed below zero are no deficit."""
        return max(0, -(self.free + self.backordered - self.backordered_expired))

    @property
    def available(self) -> int:
        """Units that can be promised."""
        return max(0, self.free)

    def snapshot(self) -> StockPosition:
        """A copy that later commands of the batch do not change; without the ledger entries."""
        return replace(self, buckets=dict(self.buckets), entries=[])

    def check_range(self, change: int) -> None:
        """Raises QuantityOutOfRange when a change would leave what can be counted."""
        if abs(self.on_hand + change) > QUANTITY_MAX or abs(change) > QUANTITY_MAX:
            raise QuantityOutOfRange(self.key.sku, self.key.location)

    def book(self, movement: Movement) -> None:
        """Moves goods and writes the ledger entry; both sides of it, so nothing appears or
        vanishes but from and to the outside."""
        for bucket, sign in ((movement.from_bucket, -1), (movement.to_bucket, 1)):
            if bucket is not Bucket.OUTSIDE:
                self.buckets[bucket] = self.buckets.get(bucket, 0) + sign * movement.quantity
        if movement.local:
            self.local_net += movement.sellable_change
        self.position += 1
        self.entries.append(LedgerEntry(self.key, self.position, movement))
