"""CancelSupply: nothing will come of a supply line."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.supply_line import SupplyLine
from tandem_inventory_availability.domain.supplying import cancel


@dataclass(frozen=True)
class CancelSupply:
    """Cancels one line."""

    tenant: str
    supply_line_id: str
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The line and what waits for it."""
        return Needs(supply=((self.tenant, self.supply_line_id),))

    def decide(self, book: StockBook) -> list[SupplyLine]:
        """Cancels it."""
        return [cancel(book, self.tenant, self.supply_line_id)]
