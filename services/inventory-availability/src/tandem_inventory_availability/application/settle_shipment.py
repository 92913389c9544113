"""SettleShipment: claimed units were shipped under a reference."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_line import LineQuantity
from tandem_inventory_availability.domain.shipping import ship
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class SettleShipment:
    """Units by line that left under ``shipment_ref``."""

    tenant: str
    reservation_id: str
    shipment_ref: str
    quantities: tuple[LineQuantity, ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The reservation and what is known of the shipment."""
        return Needs(
            reservations=((self.tenant, self.reservation_id),),
            shipments=((self.tenant, self.shipment_ref),),
        )

    def decide(self, book: StockBook) -> Reservation:
        """Ships."""
        return ship(book, self.tenant, self.reservation_id, self.shipment_ref, self.quantities)
