"""StartTransfer: goods leave a location of ours for another."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.domain.supply_line import SupplyLine
from tandem_inventory_availability.domain.transferring import Transfer, start


@dataclass(frozen=True)
class StartTransfer:
    """Starts one transfer."""

    transfer: Transfer
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """Positions at both ends."""
        of = self.transfer
        ends = (of.source, of.destination)
        keys = [StockKey(of.tenant, line.sku, end) for line in of.lines for end in ends]
        supply = [(of.tenant, of.supply_id(line)) for line in of.lines]
        return Needs(keys=tuple(keys), supply=tuple(supply))

    def decide(self, book: StockBook) -> list[SupplyLine]:
        """Starts it."""
        return start(book, self.transfer)
