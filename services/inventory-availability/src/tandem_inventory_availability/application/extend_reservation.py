"""ExtendReservation: a hold ends later."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_changes import extend
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ExtendReservation:
    """Moves the end; without ``time_to_live`` as far as the rule of its channel says."""

    tenant: str
    reservation_id: str
    time_to_live: timedelta | None = None
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The reservation."""
        return Needs(reservations=((self.tenant, self.reservation_id),))

    def decide(self, book: StockBook) -> Reservation:
        """Extends it."""
        return extend(book, self.tenant, self.reservation_id, self.time_to_live)
