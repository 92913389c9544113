"""RecordReturnReceipt: returned goods arrived and wait for inspection."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.local_movements import (
    RECEIPT,
    SoldLine,
    record_return_receipt,
)
from tandem_inventory_availability.domain.stock_book import BookedLine, Origin, StockBook
from tandem_inventory_availability.domain.stock_position import StockPosition


@dataclass(frozen=True)
class RecordReturnReceipt:
    """A return's goods. Without ``received_at`` they arrived now."""

    tenant: str
    return_ref: str
    lines: tuple[SoldLine, ...]
    received_at: datetime | None = None
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """Positions, and which lines were booked before."""
        booked = [BookedLine(self.tenant, RECEIPT, self.return_ref, x.line_id) for x in self.lines]
        return Needs(keys=tuple(line.key for line in self.lines), booked=tuple(booked))

    def decide(self, book: StockBook) -> list[StockPosition]:
        """Books the receipt."""
        at = self.received_at or book.now
        return record_return_receipt(book, self.return_ref, at, self.lines)
