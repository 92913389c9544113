"""ReverseSettlement: a shipment was told by mistake."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_line import LineQuantity
from tandem_inventory_availability.domain.shipping import reverse_shipment
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ReverseSettlement:
    """Units by line that did not leave under ``shipment_ref``."""

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
        """Takes it back."""
        return reverse_shipment(
            book, self.tenant, self.reservation_id, self.shipment_ref, self.quantities
        )
