"""ProposeResolutions: works out who would be hurt and which steps would help."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.conflict_case import ConflictCase, ConflictPolicy
from tandem_inventory_availability.domain.conflict_desk import look_at
from tandem_inventory_availability.domain.conflict_ladder import Situation
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ProposeResolutions:
    """A case, and the stock around it as it was read a moment ago; every step is checked again
    when it is carried out."""

    tenant: str
    case_id: str
    situation: Situation
    policy: ConflictPolicy
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The case."""
        return Needs(cases=((self.tenant, self.case_id),))

    def decide(self, book: StockBook) -> ConflictCase:
        """Keeps victims and steps with the case."""
        return look_at(book, (self.tenant, self.case_id), self.situation, self.policy)
