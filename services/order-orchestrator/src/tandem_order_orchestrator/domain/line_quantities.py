"""Where the units of one order line are. The sum never changes; nothing becomes negative."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tandem_order_orchestrator.domain.errors import OrderLineQuantity

BUCKETS = ("awaiting", "reserved", "released", "shipped", "cancelled")


@dataclass(frozen=True)
class LineQuantities:
    """Units of a line by place, in the SKU's minor unit.

    ordered = awaiting + reserved + released + shipped + cancelled; returned <= shipped.
    """

    awaiting: int
    reserved: int = 0
    released: int = 0
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0

    @property
    def ordered(self) -> int:
        """All units, wherever they are."""
        return sum(getattr(self, bucket) for bucket in BUCKETS)

    @property
    def open(self) -> int:
        """Units that have neither left nor been cancelled."""
        return self.awaiting + self.reserved + self.released

    def move(self, line_ref: str, source: str, target: str, quantity: int) -> LineQuantities:
        """Moves units between buckets. Raises OrderLineQuantity when there are too few."""
        held = getattr(self, source)
        if quantity < 1 or quantity > held:
            raise OrderLineQuantity(line_ref, quantity, held)
        return replace(self, **{source: held - quantity, target: getattr(self, target) + quantity})

    def give_back(self, line_ref: str, quantity: int) -> LineQuantities:
        """Counts units as returned. Raises OrderLineQuantity beyond what was shipped."""
        open_units = self.shipped - self.returned
        if quantity < 1 or quantity > open_units:
            raise OrderLineQuantity(line_ref, quantity, open_units)
        return replace(self, returned=self.returned + quantity)

    def cancel_open(self) -> LineQuantities:
        """Cancels every unit that has not left."""
        return replace(
            self, awaiting=0, reserved=0, released=0, cancelled=self.cancelled + self.open
        )
