"""ReceiveTransfer: goods of a transfer arrived, all, some, or other than were sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import BookedLine, Origin, StockBook
from tandem_inventory_availability.domain.supply_line import SupplyLine
from tandem_inventory_availability.domain.supplying import SUPPLY_RECEIPT
from tandem_inventory_availability.domain.transferring import Arrival, arrive, supply_id


@dataclass(frozen=True)
class ReceiveTransfer:
    """One arrival."""

    arrival: Arrival
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The lines, both ends of them, and whether the arrival was booked before."""
        of = self.arrival
        ids = [supply_id(of.transfer_id, line_id) for line_id in of.quantities]
        once = [BookedLine(of.tenant, SUPPLY_RECEIPT, of.reference, line) for line in ids]
        return Needs(supply=tuple((of.tenant, line) for line in ids), booked=tuple(once))

    def decide(self, book: StockBook) -> list[SupplyLine]:
        """Books it."""
        return arrive(book, self.arrival)
