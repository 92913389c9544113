"""Looks whether places lack units that no movement of theirs tells of."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation_line import Place
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class WatchPlaces:
    """Groups with unpinned claims, and places whose quotas or supply changed by the clock, by
    policy or by signals that do not look at them."""

    places: tuple[Place, ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The places, with members, claims, plans and supply."""
        return Needs(places=self.places)

    def decide(self, book: StockBook) -> int:
        """Has them looked at when the batch is written; how many."""
        book.watched.update(self.places)
        return len(self.places)
