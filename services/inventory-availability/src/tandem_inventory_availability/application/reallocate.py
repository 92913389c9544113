"""Reallocate: moves units from fixed quotas to others."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.allocation_plan import AllocationPlan
from tandem_inventory_availability.domain.planning import Move, ShownPlan, Wanted, reallocate
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class Reallocate:
    """What moves within a plan."""

    wanted: Wanted
    moves: tuple[Move, ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The stock that is shared out, and all plans of the SKU."""
        key = self.wanted.key
        place = AllocationPlan(key, self.wanted.level).place
        return Needs(places=(place,), planning=((key.tenant, key.sku),))

    def decide(self, book: StockBook) -> ShownPlan:
        """Moves them, or shows what would be."""
        return reallocate(book, self.wanted, self.moves)
