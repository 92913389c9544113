"""PinReservation: units of a group get their location, or another one."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_changes import Pin, pin
from tandem_inventory_availability.domain.reserving import ExpectedPosition, check_expected
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class PinReservation:
    """Pins; ``expected_version`` 0 for whatever it is."""

    tenant: str
    reservation_id: str
    pins: tuple[Pin, ...]
    expected_version: int = 0
    expected: tuple[ExpectedPosition, ...] = ()
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The reservation, and its SKUs at the new locations."""
        return Needs(
            reservations=((self.tenant, self.reservation_id),),
            keys=tuple(expected.key for expected in self.expected),
            targets=tuple((self.tenant, self.reservation_id, item.location) for item in self.pins),
        )

    def decide(self, book: StockBook) -> Reservation:
        """Pins it."""
        check_expected(book, self.expected)
        return pin(book, self.tenant, self.reservation_id, self.pins, self.expected_version)
