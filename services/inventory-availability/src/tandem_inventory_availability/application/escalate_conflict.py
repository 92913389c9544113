"""EscalateConflict: hands a case up."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.conflict_case import ConflictCase
from tandem_inventory_availability.domain.conflict_desk import escalate
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class EscalateConflict:
    """A case and why it is handed up."""

    tenant: str
    case_id: str
    reason: str
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The case."""
        return Needs(cases=((self.tenant, self.case_id),))

    def decide(self, book: StockBook) -> ConflictCase:
        """Hands it up."""
        return escalate(book, (self.tenant, self.case_id), self.reason)
