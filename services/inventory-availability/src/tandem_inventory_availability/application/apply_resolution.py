"""ApplyResolution: carries a proposed step out, or agrees to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.conflict_case import (
    ConflictCase,
    Resolution,
    ResolutionKind,
)
from tandem_inventory_availability.domain.conflict_desk import (
    Decided,
    apply_resolution,
    check_version,
)
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class ApplyResolution:
    """A step as it was proposed when the caller read it, and who agrees to it."""

    tenant: str
    case_id: str
    step: Resolution
    decided: Decided
    expected_version: int = 0
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The case, the claim the step works on, and where its units go."""
        claims = ((self.tenant, self.step.reservation_id),) if self.step.reservation_id else ()
        moving = (ResolutionKind.REPIN, ResolutionKind.BORROW_SAFETY)
        targets = tuple((*claim, self.step.target) for claim in claims)
        waiting = self.step.kind is ResolutionKind.PEG_TO_SUPPLY
        return Needs(
            cases=((self.tenant, self.case_id),),
            reservations=claims,
            targets=targets if self.step.kind in moving else (),
            supply=((self.tenant, self.step.target),) if waiting else (),
        )

    def decide(self, book: StockBook) -> ConflictCase:
        """Carries it out."""
        case_id = (self.tenant, self.case_id)
        check_version(book, case_id, self.expected_version)
        return apply_resolution(book, case_id, self.step, self.decided)
