"""ApplyDisposition: books returned goods by what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.local_movements import (
    RETURN,
    ReturnedLine,
    apply_disposition,
)
from tandem_inventory_availability.domain.stock_book import BookedLine, Origin, StockBook
from tandem_inventory_availability.domain.stock_position import StockPosition


@dataclass(frozen=True)
class ApplyDisposition:
    """A return's goods. Without ``decided_at`` it was decided now."""

    tenant: str
    return_ref: str
    lines: tuple[ReturnedLine, ...]
    decided_at: datetime | None = None
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """Positions, and which lines were booked before."""
        booked = [BookedLine(self.tenant, RETURN, self.return_ref, x.line_id) for x in self.lines]
        return Needs(keys=tuple(line.key for line in self.lines), booked=tuple(booked))

    def decide(self, book: StockBook) -> list[StockPosition]:
        """Books the return."""
        return apply_disposition(book, self.return_ref, self.decided_at or book.now, self.lines)
