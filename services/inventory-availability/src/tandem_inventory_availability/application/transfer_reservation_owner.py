"""TransferReservationOwner: a cart becomes an order."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import OwnerKey, Reservation
from tandem_inventory_availability.domain.reservation_changes import transfer_owner
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class TransferReservationOwner:
    """The reservation goes to another owner."""

    tenant: str
    reservation_id: str
    owner: OwnerKey
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The reservation, and what the new owner holds."""
        return Needs(reservations=((self.tenant, self.reservation_id),), owners=(self.owner,))

    def decide(self, book: StockBook) -> Reservation:
        """Transfers it."""
        return transfer_owner(book, self.tenant, self.reservation_id, self.owner)
