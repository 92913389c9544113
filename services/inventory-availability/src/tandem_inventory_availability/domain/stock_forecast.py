"""Stock at one moment together with what is expected: curves of locations and of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.domain.availability_answer import StockView
from tandem_inventory_availability.domain.availability_curve import (
    Change,
    CurvePoint,
    curve,
    lower_of,
    return_changes,
    supply_changes,
)
from tandem_inventory_availability.domain.stock_position import StockKey, StockPosition
from tandem_inventory_availability.domain.supply_line import SupplyLine

Names = tuple[str, str]
"""SKU and location."""


@dataclass
class StockForecast:
    """``supply`` are judged lines by SKU and location; ``planned`` what this call promised already,
    so that two lines do not get the same units."""

    stock: StockView
    supply: Mapping[Names, Sequence[SupplyLine]]
    horizon: datetime
    planned: dict[Names, list[Change]] = field(default_factory=dict)

    def plan(self, sku: str, location: str, at: datetime, units: int) -> None:
        """Takes units out of later answers."""
        self.planned.setdefault((sku, location), []).append(Change(at, -units))

    def at_location(self, sku: str, location: str) -> list[CurvePoint]:
        """Curve of a location, below what its groups can spare."""
        curves = [self._node(sku, location)]
        view = self.stock.view
        for group in view.policy.groups_of(location, view.now):
            if self.stock.claims.get((sku, group.id), 0) > 0:
                curves.append(self.of_group(sku, group.id))
        return lower_of(curves)

    def of_group(self, sku: str, group_id: str) -> list[CurvePoint]:
        """Curve of a group; its members' supply counts where they may be promised from."""
        view = self.stock.view
        group = view.policy.group(group_id, view.now)
        net = view.net(group_id, list(self._positions(sku).values()), self.stock.claims)
        if group is None:
            return curve(0, (), view.now, self.horizon)
        changes = [
            change
            for member in group.members
            if view.policy.eligible(member, view.mode, view.now)
            for change in self._changes(sku, member)
        ]
        return curve(net.raw if net else 0, changes, view.now, self.horizon)

    def _node(self, sku: str, location: str) -> list[CurvePoint]:
        view = self.stock.view
        if not view.policy.eligible(location, view.mode, view.now):
            return curve(0, (), view.now, self.horizon)
        position = self._positions(sku).get(location)
        if position is None:
            position = StockPosition(StockKey("", sku, location))
        terms = view.node(position)
        base = terms.free - terms.haircut
        changes = self._changes(sku, location)
        return curve(base, changes, view.now, self.horizon, terms.safety)

    def _changes(self, sku: str, location: str) -> list[Change]:
        view = self.stock.view
        found = supply_changes(self.supply.get((sku, location), ()))
        position = self._positions(sku).get(location)
        if position is not None:
            found += return_changes(position, view.policy, view.now)
        return [*found, *self.planned.get((sku, location), ())]

    def _positions(self, sku: str) -> Mapping[str, StockPosition]:
        return self.stock.positions.get(sku, {})
