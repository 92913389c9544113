"""ConfirmReservation: a hold becomes a claim without an end."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_changes import confirm
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ConfirmReservation:
    """Confirms one reservation."""

    tenant: str
    reservation_id: str
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The reservation."""
        return Needs(reservations=((self.tenant, self.reservation_id),))

    def decide(self, book: StockBook) -> Reservation:
        """Confirms it."""
        return confirm(book, self.tenant, self.reservation_id)
