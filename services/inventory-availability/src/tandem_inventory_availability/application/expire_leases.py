"""Tidies leases whose time and grace are over; they stopped counting by the clock before."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.leasing import tidy
from tandem_inventory_availability.domain.quota_lease import QuotaLease
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ExpireLeases:
    """Expires those of the leases that are over."""

    leases: tuple[tuple[str, str], ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The leases."""
        return Needs(leases=self.leases)

    def decide(self, book: StockBook) -> list[QuotaLease]:
        """Expires them."""
        found = [book.leases[key] for key in self.leases if key in book.leases]
        return [tidy(book, lease) for lease in found]
