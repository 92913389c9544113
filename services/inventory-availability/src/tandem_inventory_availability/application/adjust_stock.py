"""AdjustStock: units were found or lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.stock_operations import (
    Correction,
    adjust,
    check_expected,
)
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey, StockPosition


@dataclass(frozen=True)
class AdjustStock:
    """Units added or removed; with ``expected`` only when the state holds that many."""

    key: StockKey
    state: Bucket
    delta: int
    expected: int | None
    why: Correction
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """The position."""
        return Needs(keys=(self.key,))

    def decide(self, book: StockBook) -> list[StockPosition]:
        """Adjusts it."""
        check_expected(book, self.key, self.state, self.expected)
        return [adjust(book, self.key, self.state, self.delta, self.why)]
