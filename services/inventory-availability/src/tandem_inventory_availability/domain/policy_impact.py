"""What a change of the configuration does to what can be promised, before it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tandem_inventory_availability.domain.availability_terms import PolicyView
from tandem_inventory_availability.domain.policy_entries import PolicyEntry, PolicyKind
from tandem_inventory_availability.domain.rule_index import ALL
from tandem_inventory_availability.domain.stock_position import StockPosition

LISTED_MAX = 250
NODE_KINDS = frozenset({PolicyKind.LOCATION, PolicyKind.SAFETY, PolicyKind.HAIRCUT})
GROUP_KINDS = NODE_KINDS | {PolicyKind.GROUP, PolicyKind.NETWORK}


@dataclass(frozen=True)
class FigureChange:
    """A figure of a SKU at a place, before and after."""

    sku: str
    place: str
    before: int
    after: int


@dataclass
class PolicyImpact:
    """Sums over everything examined; lists are cut, the greatest change first."""

    positions: list[FigureChange] = field(default_factory=list)
    groups: list[FigureChange] = field(default_factory=list)
    changed: int = 0
    change_total: int = 0
    examined: int = 0
    truncated: bool = False

    def add(self, changes: Iterable[FigureChange | None]) -> None:
        """Counts what became of examined positions."""
        for change in changes:
            self.examined += 1
            if change is not None:
                self.changed += 1
                self.change_total += change.after - change.before
                self.positions.append(change)
        self.positions.sort(key=lambda c: (-abs(c.after - c.before), c.sku, c.place))
        del self.positions[LISTED_MAX:]


@dataclass(frozen=True)
class Change:
    """Two policies, seen at one moment."""

    before: PolicyView
    after: PolicyView

    def of_position(self, position: StockPosition) -> FigureChange | None:
        """What becomes of a position; None when nothing does."""
        before = self.before.node(position).available
        after = self.after.node(position).available
        if before == after:
            return None
        return FigureChange(position.key.sku, position.key.location, before, after)

    def falling(
        self, positions: Sequence[StockPosition], claims: Mapping[tuple[str, str], int]
    ) -> list[FigureChange]:
        """Groups with unpinned claims that fall below zero. ``positions`` are all of their SKUs."""
        fallen = []
        for (sku, group_id), units in sorted(claims.items()):
            of_sku = [position for position in positions if position.key.sku == sku]
            before = self.before.net(group_id, of_sku, claims)
            after = self.after.net(group_id, of_sku, claims)
            if units <= 0 or before is None or after is None:
                continue
            if after.raw < 0 and after.raw < before.raw:
                fallen.append(FigureChange(sku, group_id, before.raw, after.raw))
        return fallen


def touched_names(entries: Iterable[PolicyEntry]) -> set[tuple[str, str]]:
    """SKU and location of the positions that entries may change, empty for all."""
    return {
        (ALL, entry.id)
        if entry.kind is PolicyKind.LOCATION
        else (str(getattr(entry.rule, "sku", ALL)), str(getattr(entry.rule, "location", ALL)))
        for entry in entries
        if entry.kind in NODE_KINDS and not getattr(entry.rule, "group", ALL)
    }
