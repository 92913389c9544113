"""Closes cases where nothing has been missing for a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.conflict_case import ConflictCase
from tandem_inventory_availability.domain.conflict_desk import close_if_clear
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class CloseClearedConflicts:
    """Cases by tenant and id; those that are not clear any more stay open."""

    cases: tuple[tuple[str, str], ...]
    grace: timedelta
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The cases and their stock."""
        return Needs(cases=self.cases)

    def decide(self, book: StockBook) -> list[ConflictCase]:
        """Closes them."""
        found = [close_if_clear(book, case_id, self.grace) for case_id in self.cases]
        return [case for case in found if case is not None]
