"""Reserve: claims all lines of an owner or none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import (
    OwnerKey,
    Reservation,
    ReservationLine,
    ReservationState,
)
from tandem_inventory_availability.domain.reserving import reserve
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.stock_position import StockKey


@dataclass(frozen=True)
class Reserve:
    """A claim; with ``time_to_live`` a hold that ends, else one without an end."""

    reservation_id: str
    owner: OwnerKey
    channel: str
    time_to_live: timedelta | None
    lines: tuple[ReservationLine, ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """Its positions, and what the owner holds already."""
        tenant = self.owner.tenant
        keys = tuple(StockKey(tenant, line.sku, line.location) for line in self.lines)
        return Needs(keys=keys, owners=(self.owner,))

    def decide(self, book: StockBook) -> Reservation:
        """Makes the reservation."""
        ends = book.now + self.time_to_live if self.time_to_live is not None else None
        wanted = Reservation(
            id=self.reservation_id,
            owner=self.owner,
            channel=self.channel,
            state=ReservationState.HELD if ends else ReservationState.CONFIRMED,
            expires_at=ends,
            version=1,
            lines=self.lines,
            created_at=book.now,
        )
        return reserve(book, wanted)
