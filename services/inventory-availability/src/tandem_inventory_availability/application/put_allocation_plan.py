"""PutAllocationPlan: sets how a SKU's stock is shared out among channels."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.allocation_plan import AllocationPlan, Quota
from tandem_inventory_availability.domain.planning import ShownPlan, Wanted, put_plan
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class PutAllocationPlan:
    """The quotas a plan shall have."""

    wanted: Wanted
    quotas: tuple[Quota, ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The stock that is shared out, and all plans of the SKU."""
        key = self.wanted.key
        place = AllocationPlan(key, self.wanted.level).place
        return Needs(places=(place,), planning=((key.tenant, key.sku),))

    def decide(self, book: StockBook) -> ShownPlan:
        """Sets them, or shows what would be."""
        return put_plan(book, self.wanted, self.quotas)
