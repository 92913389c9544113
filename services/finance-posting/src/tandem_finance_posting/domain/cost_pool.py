"""Moving average cost as quantity and value; no unit cost is ever stored (rounding rule R3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CostPool:
    """Units of one SKU in one valuation area and what they are worth, in minor units."""

    quantity: int = 0
    value: int = 0

    def receive(self, quantity: int, cost: int) -> CostPool:
        """Adds units at their cost."""
        return CostPool(self.quantity + quantity, self.value + cost)

    def can_issue(self, quantity: int) -> bool:
        """True when the pool holds that many: cost of units never received is not known."""
        return self.quantity >= quantity

    def issue(self, quantity: int) -> tuple[CostPool, int]:
        """The pool after ``quantity`` units left, and their cost.

        value x quantity / pool quantity, half away from zero; the last unit takes the rest, so an
        empty pool is worth nothing. Raises ValueError beyond what is held.
        """
        if not self.can_issue(quantity):
            raise ValueError(f"{quantity} units of {self.quantity}")
        if quantity == self.quantity:
            return CostPool(), self.value
        cost = (2 * self.value * quantity + self.quantity) // (2 * self.quantity)
        return CostPool(self.quantity - quantity, self.value - cost), cost


@dataclass(frozen=True)
class IssuedCost:
    """Units of one order line that left, and what has come back of them."""

    quantity: int = 0
    cost: int = 0
    returned_quantity: int = 0
    returned_cost: int = 0

    def issued(self, quantity: int, cost: int) -> IssuedCost:
        """More units of the line left."""
        return IssuedCost(
            self.quantity + quantity, self.cost + cost, self.returned_quantity, self.returned_cost
        )

    def can_return(self, quantity: int) -> bool:
        """True when that many are still out."""
        return self.quantity - self.returned_quantity >= quantity

    def come_back(self, quantity: int) -> tuple[IssuedCost, int]:
        """Units back at the cost they left with: cumulative share less what came back (R5)."""
        if not self.can_return(quantity):
            raise ValueError(f"{quantity} units of {self.quantity - self.returned_quantity}")
        back = self.returned_quantity + quantity
        cumulative = (2 * self.cost * back + self.quantity) // (2 * self.quantity)
        cost = cumulative - self.returned_cost
        return IssuedCost(self.quantity, self.cost, back, cumulative), cost
