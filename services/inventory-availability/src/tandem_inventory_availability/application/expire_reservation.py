"""Tidies a hold whose time is over; it stopped counting by the clock before."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ExpireReservation:
    """Expires one hold if its time is over; changes nothing otherwise."""

    tenant: str
    reservation_id: str
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The reservation."""
        return Needs(reservations=((self.tenant, self.reservation_id),))

    def decide(self, book: StockBook) -> Reservation:
        """Expires it."""
        return book.reservation(self.tenant, self.reservation_id)
