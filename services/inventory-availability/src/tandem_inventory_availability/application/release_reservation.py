"""ReleaseReservation: gives back what is not shipped, all or in part."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_changes import release
from tandem_inventory_availability.domain.reservation_line import LineQuantity
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ReleaseReservation:
    """Units by line; none for everything."""

    tenant: str
    reservation_id: str
    quantities: tuple[LineQuantity, ...] = ()
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The reservation."""
        return Needs(reservations=((self.tenant, self.reservation_id),))

    def decide(self, book: StockBook) -> Reservation:
        """Releases."""
        return release(book, self.tenant, self.reservation_id, self.quantities)
