"""Goods that are on the books and in no pool: returned, in repair, on the way, at the door."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from tandem_finance_posting.domain.cost_pool import rounded_share


class Stage(StrEnum):
    """Where they are; each stage is a role of the books that ends at zero."""

    RETURNED = "RETURNED"
    REFURB = "REFURB"
    VENDOR = "VENDOR"
    TRANSIT = "TRANSIT"
    CUSTOMER = "CUSTOMER"

    @property
    def role(self) -> str:
        """The role of the books that holds them."""
        return _ROLES[self]


_ROLES = {
    Stage.RETURNED: "INV_RETURNS_HOLD",
    Stage.REFURB: "INV_REFURB",
    Stage.VENDOR: "INV_RTV_HOLD",
    Stage.TRANSIT: "INV_IN_TRANSIT",
    Stage.CUSTOMER: "INV_TO_CUSTOMER",
}


@dataclass(frozen=True)
class GoodsAside:
    """Units of one line in one stage and their cost in minor units; ``gone`` counts the units that
    have moved on, so that what comes after them is known to be late and not early."""

    quantity: int = 0
    cost: int = 0
    gone: int = 0

    def put(self, quantity: int, cost: int) -> GoodsAside:
        """Adds units, or work done on them (no units)."""
        return replace(self, quantity=self.quantity + quantity, cost=self.cost + cost)

    def take(self, quantity: int) -> tuple[GoodsAside, int]:
        """Takes units at their share of the cost; the last one takes the rest.

        Raises ValueError beyond what is there.
        """
        if quantity > self.quantity:
            raise ValueError(f"{quantity} units of {self.quantity}")
        cost = rounded_share(self.cost, quantity, self.quantity) if quantity else 0
        left = GoodsAside(self.quantity - quantity, self.cost - cost, self.gone + quantity)
        return left, cost

    def untake(self, quantity: int, cost: int) -> GoodsAside:
        """The units have not moved on after all."""
        return GoodsAside(self.quantity + quantity, self.cost + cost, self.gone - quantity)

    def withdraw(self, quantity: int, cost: int) -> GoodsAside:
        """Takes out exactly what was put in. Raises ValueError when it has moved on."""
        left = replace(self, quantity=self.quantity - quantity, cost=self.cost - cost)
        if left.quantity < 0 or left.cost < 0 or (left.quantity == 0 and left.cost):
            raise ValueError(f"{quantity} units worth {cost} have moved on")
        return left
