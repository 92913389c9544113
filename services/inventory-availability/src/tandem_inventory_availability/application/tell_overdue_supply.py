"""Tells of supply that should have come. It counts as late by the clock alone, told or not."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.supply_line import SupplyLine
from tandem_inventory_availability.domain.supplying import tell_overdue


@dataclass(frozen=True)
class TellOverdueSupply:
    """Looks at some lines of one tenant."""

    tenant: str
    supply_line_ids: tuple[str, ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The lines."""
        return Needs(supply=tuple((self.tenant, line) for line in self.supply_line_ids))

    def decide(self, book: StockBook) -> list[SupplyLine]:
        """Tells of those that are late."""
        return tell_overdue(book, self.tenant, self.supply_line_ids)
