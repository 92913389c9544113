"""GrantLease: keeps units back for a device that may be offline."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.leasing import grant
from tandem_inventory_availability.domain.quota_lease import DeviceKey, QuotaLease
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class GrantLease:
    """Unused units a device shall hold, and for how long."""

    lease_id: str
    holder: DeviceKey
    quantity: int
    time_to_live: timedelta
    grace: timedelta
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The position and the device's live lease."""
        return Needs(keys=(self.holder.stock,), devices=(self.holder,))

    def decide(self, book: StockBook) -> QuotaLease:
        """Grants it, or tops up."""
        expires_at = book.now + self.time_to_live
        wanted = QuotaLease(
            id=self.lease_id,
            holder=self.holder,
            quantity=self.quantity,
            expires_at=expires_at,
            ends_at=expires_at + self.grace,
            created_at=book.now,
        )
        return grant(book, wanted)
