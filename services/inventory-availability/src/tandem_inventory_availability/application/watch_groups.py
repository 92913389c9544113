"""Looks whether unpinned claims of groups can still be pinned."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class WatchGroups:
    """Groups of SKUs with unpinned claims; signals of their members do not look at them."""

    groups: tuple[GroupKey, ...]
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """Their members and claims."""
        return Needs(places=self.groups)

    def decide(self, book: StockBook) -> int:
        """Has them looked at when the batch is written; how many."""
        book.watched_groups.update(self.groups)
        return len(self.groups)
