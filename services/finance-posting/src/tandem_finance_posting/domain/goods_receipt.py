"""What a goods receipt promised to cost, and how much of it has been invoiced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tandem_core.money import split_by_weights

from tandem_finance_posting.domain.cost_pool import rounded_share

ALLOCATION_KEYS = ("value", "weight", "quantity")
"""What landed cost may be divided by."""


@dataclass(frozen=True)
class ReceiptLine:
    """One SKU of a receipt. ``cost`` is the order's price of all units, ``weight`` in any unit the
    lines of the receipt share; ``landed`` is what was estimated for freight and duty and is not
    invoiced yet. ``expected_cost`` is the part of ``cost`` that is invoiced."""

    area: str
    quantity: int
    cost: int
    weight: int = 0
    invoiced_quantity: int = 0
    expected_cost: int = 0
    landed: int = 0

    def invoiced(self, quantity: int) -> tuple[ReceiptLine, int]:
        """After an invoice of that many units, and what they were expected to cost (cumulative, so
        the last invoice closes to the cent). Raises ValueError beyond what was received."""
        total = self.invoiced_quantity + quantity
        if total > self.quantity:
            raise ValueError(f"{total} invoiced of {self.quantity} received")
        cumulative = rounded_share(self.cost, total, self.quantity)
        line = replace(self, invoiced_quantity=total, expected_cost=cumulative)
        return line, cumulative - self.expected_cost

    def not_invoiced(self, quantity: int, expected: int) -> ReceiptLine:
        """The invoice never was."""
        return replace(
            self,
            invoiced_quantity=self.invoiced_quantity - quantity,
            expected_cost=self.expected_cost - expected,
        )

    def measure(self, key: str) -> int:
        """What landed cost is divided by: value, weight or quantity."""
        return {"value": self.cost, "weight": self.weight, "quantity": self.quantity}[key]


@dataclass(frozen=True)
class Receipt:
    """A receipt by SKU."""

    lines: Mapping[str, ReceiptLine] = field(default_factory=dict)

    def received(self, sku: str, arrived: ReceiptLine) -> Receipt:
        """More units of a SKU arrived with it."""
        known = self.lines.get(sku)
        if known is not None:
            arrived = replace(
                known,
                quantity=known.quantity + arrived.quantity,
                cost=known.cost + arrived.cost,
                weight=known.weight + arrived.weight,
            )
        return self.with_line(sku, arrived)

    def with_line(self, sku: str, line: ReceiptLine) -> Receipt:
        """The receipt with that line; one without units is none."""
        lines = {**self.lines, sku: line}
        return Receipt({name: x for name, x in lines.items() if x.quantity})

    def allocated(self, cost: int, key: str) -> dict[str, int]:
        """Shares of a cost by SKU: largest remainder, ties in order of the lines (R2).

        Raises ValueError when no line has that measure.
        """
        measures = [line.measure(key) for line in self.lines.values()]
        return dict(zip(self.lines, split_by_weights(cost, measures), strict=True))
