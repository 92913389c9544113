"""AmendReservation: other quantities, by difference."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_changes import AmendedLine, amend
from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.stock_position import StockKey


@dataclass(frozen=True)
class AmendReservation:
    """Changes by line; ``expected_version`` 0 for whatever it is."""

    tenant: str
    reservation_id: str
    lines: tuple[AmendedLine, ...]
    expected_version: int = 0
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The reservation and the places of new lines."""
        return Needs(
            reservations=((self.tenant, self.reservation_id),),
            places=tuple(
                GroupKey(self.tenant, line.sku, line.group)
                if line.group
                else StockKey(self.tenant, line.sku, line.location)
                for line in self.lines
                if line.sku
            ),
        )

    def decide(self, book: StockBook) -> Reservation:
        """Amends it."""
        return amend(book, self.tenant, self.reservation_id, self.lines, self.expected_version)
