"""Units of one SKU in one valuation area and what they are worth, as moving average or FIFO.

Quantity and value are stored, never a unit cost (rounding rule R3). The layers say what is left of
which receipt: under FIFO with their value, under the moving average only as quantities, so that an
invoice that differs from its receipt reaches just the units that are still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tandem_core.money import split_by_weights

LAYERS_MAX = 500
"""Of one pool. Beyond it the two oldest become one: the row of a pool must not grow for ever."""


class CostMethod(StrEnum):
    """How the cost of units that leave is found."""

    MOVING_AVERAGE = "MOVING_AVERAGE"
    FIFO = "FIFO"


@dataclass(frozen=True)
class Layer:
    """What is left of one receipt, oldest first; ``value`` is 0 under the moving average."""

    receipt_ref: str
    quantity: int
    value: int = 0


def rounded_share(value: int, part: int, whole: int) -> int:
    """value x part / whole, half away from zero. ``whole`` is above 0."""
    share = (2 * abs(value) * part + whole) // (2 * whole)
    return share if value >= 0 else -share


@dataclass(frozen=True)
class CostPool:
    """Quantity in units, value in minor units of the entity's currency.

    ``allowance`` is what was written down below cost, for ``allowance_quantity`` units.
    """

    quantity: int = 0
    value: int = 0
    layers: tuple[Layer, ...] = ()
    method: CostMethod = CostMethod.MOVING_AVERAGE
    allowance: int = 0
    allowance_quantity: int = 0

    def __post_init__(self) -> None:
        if self.quantity and not self.layers:
            only = Layer("", self.quantity, self.value if self._fifo else 0)
            object.__setattr__(self, "layers", (only,))

    @property
    def _fifo(self) -> bool:
        return self.method is CostMethod.FIFO

    def by(self, method: CostMethod) -> CostPool:
        """The pool under that method from its next unit on; goods on hand keep the one they came
        under, or their layers would not add up to the value."""
        return self if self.quantity else replace(self, method=method)

    def receive(self, quantity: int, cost: int, receipt_ref: str = "") -> CostPool:
        """Adds units at their cost, as the newest."""
        layer = Layer(receipt_ref, quantity, cost if self._fifo else 0)
        return self._with(self.quantity + quantity, self.value + cost, (*self.layers, layer))

    def oldest(self, quantity: int) -> tuple[Layer, ...]:
        """The layers that many units would leave from."""
        left, _ = self._without_oldest(quantity)
        pairs = zip(self.layers, left, strict=True)
        taken = (Layer(x.receipt_ref, x.quantity - y.quantity, x.value - y.value) for x, y in pairs)
        return tuple(x for x in taken if x.quantity)

    def put_back(self, quantity: int, cost: int, layers: Sequence[Layer] = ()) -> CostPool:
        """Units that never really left: they are the oldest again, of the receipts they were of."""
        known = sum(x.quantity for x in layers) == quantity
        first = list(layers if known else [Layer("", quantity, cost)])
        if not self._fifo or sum(x.value for x in first) != cost:
            first = _valued(first, cost if self._fifo else 0)
        rest = list(self.layers)
        if rest and first[-1].receipt_ref == rest[0].receipt_ref:
            # One layer before, part of which had left.
            first[-1] = _sum(first[-1], rest.pop(0), first[-1].receipt_ref)
        return self._with(self.quantity + quantity, self.value + cost, (*first, *rest))

    def can_issue(self, quantity: int) -> bool:
        """True when the pool holds that many: cost of units never received is not known."""
        return self.quantity >= quantity

    def issue(self, quantity: int) -> tuple[CostPool, int]:
        """The pool after ``quantity`` units left, and their cost.

        Moving average: value x quantity / pool quantity, half away from zero. FIFO: the oldest
        layers. The last unit takes the rest, so an empty pool is worth nothing. Raises ValueError
        beyond what is held.
        """
        if not self.can_issue(quantity):
            raise ValueError(f"{quantity} units of {self.quantity}")
        left, first_cost = self._without_oldest(quantity)
        cost = first_cost if self._fifo else self.worth(quantity)
        return self._with(self.quantity - quantity, self.value - cost, left), cost

    def worth(self, quantity: int) -> int:
        """What that many units are worth at the pool's value; of an empty pool nothing."""
        return rounded_share(self.value, quantity, self.quantity) if self.quantity else 0

    def left_of(self, receipt_ref: str) -> int:
        """Units of a receipt that are still here."""
        return sum(x.quantity for x in self.layers if x.receipt_ref == receipt_ref)

    def withdraw(self, quantity: int, value: int, receipt_ref: str = "") -> CostPool:
        """Takes units out at exactly the value they came in with, newest first.

        Raises ValueError when they are no longer here, or what stays would have a value that no
        unit carries.
        """
        found = self._newest_with(quantity, value, receipt_ref)
        rest_quantity, rest_value = self.quantity - quantity, self.value - value
        if found is None or rest_value < 0 or (rest_quantity == 0 and rest_value):
            raise ValueError(f"{quantity} units worth {value} are not here any more")
        layers = list(self.layers)
        layer = layers[found]
        worth = layer.value - value if self._fifo else 0
        layers[found] = Layer(layer.receipt_ref, layer.quantity - quantity, worth)
        return self._with(rest_quantity, rest_value, layers)

    def worth_more(self, change: int, receipt_ref: str | None = None) -> CostPool:
        """The value moved by ``change`` (either sign), of all units or those of one receipt.

        Raises ValueError below 0 and for a change no unit can carry.
        """
        mine = [n for n, x in enumerate(self.layers) if receipt_ref in (None, x.receipt_ref)]
        if change < self.least_change(receipt_ref) or (change and not mine):
            raise ValueError(f"{change} on a value of {self.value}")
        layers = list(self.layers)
        if self._fifo and change:
            self._spread(layers, mine, change)
        return self._with(self.quantity, self.value + change, layers)

    def least_change(self, receipt_ref: str | None = None) -> int:
        """The most the value of those units can fall: minus what they are worth."""
        if not self._fifo:
            return -self.value
        return -sum(x.value for x in self.layers if receipt_ref in (None, x.receipt_ref))

    def _spread(self, layers: list[Layer], mine: list[int], change: int) -> None:
        """By quantity; what falls by value never takes more from a layer than it has."""
        rising = change > 0
        weights = [layers[n].quantity if rising else layers[n].value for n in mine]
        for n, part in zip(mine, split_by_weights(change, weights), strict=True):
            layers[n] = replace(layers[n], value=layers[n].value + part)

    def _without_oldest(self, quantity: int) -> tuple[list[Layer], int]:
        cost, left = 0, []
        for layer in self.layers:
            taken = min(quantity, layer.quantity)
            worth = rounded_share(layer.value, taken, layer.quantity) if taken else 0
            quantity, cost = quantity - taken, cost + worth
            left.append(Layer(layer.receipt_ref, layer.quantity - taken, layer.value - worth))
        return left, cost

    def _newest_with(self, quantity: int, value: int, receipt_ref: str) -> int | None:
        for n in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[n]
            rest = layer.quantity - quantity
            if layer.receipt_ref != receipt_ref or rest < 0:
                continue
            worth = layer.value - value
            if not self._fifo or (worth >= 0 and (rest or not worth)):
                return n
        return None

    def _with(self, quantity: int, value: int, layers: Iterable[Layer]) -> CostPool:
        kept = _joined([x for x in layers if x.quantity])
        return replace(self, quantity=quantity, value=value, layers=tuple(kept))


def _joined(layers: list[Layer]) -> list[Layer]:
    """Neighbours of one receipt and one unit cost become one layer; the row stays small."""
    joined: list[Layer] = []
    for layer in layers:
        last = joined[-1] if joined else None
        if last and last.receipt_ref == layer.receipt_ref and _same_unit_cost(last, layer):
            joined[-1] = _sum(last, layer, layer.receipt_ref)
        else:
            joined.append(layer)
    while len(joined) > LAYERS_MAX:
        joined[:2] = [_sum(joined[0], joined[1], "")]
    return joined


def _valued(layers: list[Layer], value: int) -> list[Layer]:
    """The layers with a value spread over their units."""
    parts = split_by_weights(value, [x.quantity for x in layers])
    return [Layer(x.receipt_ref, x.quantity, v) for x, v in zip(layers, parts, strict=True)]


def _same_unit_cost(one: Layer, two: Layer) -> bool:
    """In whole minor units: of others, layer and joined layer round differently when some leave."""
    unit, rest = divmod(one.value, one.quantity)
    return rest == 0 and two.value == unit * two.quantity


def _sum(one: Layer, two: Layer, receipt_ref: str) -> Layer:
    return Layer(receipt_ref, one.quantity + two.quantity, one.value + two.value)


@dataclass(frozen=True)
class IssuedCost:
    """Units of one order line that left, and what has come back of them."""

    quantity: int = 0
    cost: int = 0
    returned_quantity: int = 0
    returned_cost: int = 0

    def issued(self, quantity: int, cost: int) -> IssuedCost:
        """More units of the line left."""
        return replace(self, quantity=self.quantity + quantity, cost=self.cost + cost)

    def can_return(self, quantity: int) -> bool:
        """True when that many are still out."""
        return self.quantity - self.returned_quantity >= quantity

    def come_back(self, quantity: int) -> tuple[IssuedCost, int]:
        """Units back at the cost they left with: cumulative share less what came back (R5)."""
        if not self.can_return(quantity):
            raise ValueError(f"{quantity} units of {self.quantity - self.returned_quantity}")
        back = self.returned_quantity + quantity
        out = self.cost - self.returned_cost
        # More units of the line may have left since the last return, cheaper than the first.
        cost = rounded_share(self.cost, back, self.quantity) - self.returned_cost
        cost = min(max(cost, 0), out)
        return IssuedCost(self.quantity, self.cost, back, self.returned_cost + cost), cost

    def not_issued(self, quantity: int, cost: int) -> IssuedCost:
        """The issue never was. Raises ValueError when some of it has come back since."""
        left = replace(self, quantity=self.quantity - quantity, cost=self.cost - cost)
        if left.quantity < left.returned_quantity or left.cost < left.returned_cost:
            raise ValueError("units of it have come back")
        return left

    def not_returned(self, quantity: int, cost: int) -> IssuedCost:
        """The return never was."""
        return replace(
            self,
            returned_quantity=self.returned_quantity - quantity,
            returned_cost=self.returned_cost - cost,
        )
