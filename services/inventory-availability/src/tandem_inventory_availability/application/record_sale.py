"""RecordSale: a store sold goods; claim and departure in one step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.local_movements import SALE, SoldLine, record_sale
from tandem_inventory_availability.domain.stock_book import BookedLine, Origin, StockBook
from tandem_inventory_availability.domain.stock_position import StockPosition


@dataclass(frozen=True)
class RecordSale:
    """A receipt's goods. Without ``sold_at`` they were sold now."""

    tenant: str
    sale_ref: str
    lines: tuple[SoldLine, ...]
    sold_at: datetime | None = None
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """Positions, and which lines were booked before."""
        booked = [BookedLine(self.tenant, SALE, self.sale_ref, x.line_id) for x in self.lines]
        return Needs(keys=tuple(line.key for line in self.lines), booked=tuple(booked))

    def decide(self, book: StockBook) -> list[StockPosition]:
        """Books the sale."""
        return record_sale(book, self.sale_ref, self.sold_at or book.now, self.lines)
