"""ReturnLease: unused units go back before the lease ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.leasing import give_back
from tandem_inventory_availability.domain.quota_lease import QuotaLease
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ReturnLease:
    """Ends one lease."""

    tenant: str
    lease_id: str
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The lease."""
        return Needs(leases=((self.tenant, self.lease_id),))

    def decide(self, book: StockBook) -> QuotaLease:
        """Ends it."""
        return give_back(book, self.tenant, self.lease_id)
