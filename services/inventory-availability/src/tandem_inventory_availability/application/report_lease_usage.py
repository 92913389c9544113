"""ReportLeaseUsage: a device sold leased goods."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.leasing import Reported, report_usage
from tandem_inventory_availability.domain.quota_lease import LeaseReport
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ReportLeaseUsage:
    """One report. Without ``sold_at`` it was sold now."""

    tenant: str
    report: LeaseReport
    sold_at: datetime | None = None
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The lease and whether the report was booked before."""
        lease = (self.tenant, self.report.lease_id)
        return Needs(leases=(lease,), reports=(self.report.report,))

    def decide(self, book: StockBook) -> Reported:
        """Books it."""
        lease_id, sold_at = self.report.lease_id, self.sold_at or book.now
        return report_usage(book, self.tenant, lease_id, self.report, sold_at)
