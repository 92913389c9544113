"""UpsertSupplyLines: what is expected where, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.supply_line import SupplyLine
from tandem_inventory_availability.domain.supplying import upsert


@dataclass(frozen=True)
class UpsertSupplyLines:
    """Lines as they are told now."""

    tenant: str
    lines: tuple[SupplyLine, ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """Their positions, and what waits for them."""
        return Needs(
            keys=tuple(line.key for line in self.lines),
            supply=tuple((self.tenant, line.id) for line in self.lines),
        )

    def decide(self, book: StockBook) -> list[SupplyLine]:
        """Makes or changes them."""
        return upsert(book, self.lines)
