"""MoveState: units change their state at a location."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.stock_operations import Correction, move_state
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey, StockPosition


@dataclass(frozen=True)
class MoveState:
    """Units from one state to another."""

    key: StockKey
    ends: tuple[Bucket, Bucket]
    quantity: int
    why: Correction
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The position."""
        return Needs(keys=(self.key,))

    def decide(self, book: StockBook) -> list[StockPosition]:
        """Moves them."""
        return [move_state(book, self.key, self.ends, self.quantity, self.why)]
