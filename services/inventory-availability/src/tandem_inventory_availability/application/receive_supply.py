"""ReceiveSupply: units of a supply line came; stock, line and claims change at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import BookedLine, Origin, StockBook
from tandem_inventory_availability.domain.supply_line import SupplyLine
from tandem_inventory_availability.domain.supplying import SUPPLY_RECEIPT, Receipt, receive


@dataclass(frozen=True)
class ReceiveSupply:
    """One receipt."""

    receipt: Receipt
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The line, what waits for it, and whether the receipt was booked before."""
        of = self.receipt
        once = BookedLine(of.tenant, SUPPLY_RECEIPT, of.reference, of.supply_line_id)
        return Needs(supply=((of.tenant, of.supply_line_id),), booked=(once,))

    def decide(self, book: StockBook) -> list[SupplyLine]:
        """Books it."""
        return [receive(book, self.receipt)]
