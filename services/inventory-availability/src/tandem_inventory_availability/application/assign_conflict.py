"""AssignConflict: says who looks after a case."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.conflict_case import ConflictCase
from tandem_inventory_availability.domain.conflict_desk import assign
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class AssignConflict:
    """A case and who looks after it."""

    tenant: str
    case_id: str
    assignee: str
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The case."""
        return Needs(cases=((self.tenant, self.case_id),))

    def decide(self, book: StockBook) -> ConflictCase:
        """Assigns it."""
        return assign(book, (self.tenant, self.case_id), self.assignee)
