"""Which rows a decision must hold: the places it names, and those their groups make it ask for.

A claim at a location lowers what its groups can spare, and a claim on a group what the groups can
spare that share a member with it; so all members of such groups are held still, as far as anybody
claimed unpinned units of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.domain.policy_rules import SourcingGroup
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import StockKey


@dataclass(frozen=True)
class LockScope:
    """``keys`` are positions that are made if they are missing; ``members`` need not exist."""

    keys: frozenset[StockKey] = frozenset()
    members: frozenset[StockKey] = frozenset()
    groups: frozenset[GroupKey] = frozenset()

    def within(self, other: LockScope) -> bool:
        """True when the other one holds all of it."""
        return self.keys <= other.keys and self.members <= other.members | other.keys

    @property
    def skus(self) -> set[tuple[str, str]]:
        """Tenant and SKU of everything in it."""
        named = {(key.tenant, key.sku) for key in self.keys}
        return named | {(group.tenant, group.sku) for group in self.groups}


@dataclass
class ScopeBuilder:
    """Adds up a scope for the policies of a moment."""

    policies: Mapping[str, StockPolicy]
    now: datetime
    keys: set[StockKey] = field(default_factory=set)
    groups: set[GroupKey] = field(default_factory=set)

    def add(self, places: Iterable[Place]) -> None:
        """Places that are named; a bundle stands for its components."""
        for place in places:
            for sku in self._skus(place):
                if isinstance(place, GroupKey):
                    self.groups.add(GroupKey(place.tenant, sku, place.group))
                else:
                    self.keys.add(StockKey(place.tenant, sku, place.location))

    def scope(self, claimed: Iterable[GroupKey]) -> LockScope:
        """The scope, given the groups that anybody holds unpinned claims of."""
        groups = self.groups | set(claimed)
        asked = {group for group in groups if self._matters(group)}
        members = {
            StockKey(group.tenant, group.sku, member)
            for group in asked
            for member in self._members(group)
        }
        return LockScope(frozenset(self.keys), frozenset(members), frozenset(self.groups))

    def _skus(self, place: Place) -> Iterable[str]:
        policy = self.policies.get(place.tenant)
        return policy.bundles.get(place.sku, (place.sku,)) if policy else (place.sku,)

    def _matters(self, key: GroupKey) -> bool:
        if key in self.groups:
            return True
        named = set(self._members(key))
        if any(x.location in named for x in self.keys if self._same(x, key)):
            return True
        others = (self._members(g) for g in self.groups if self._same(g, key))
        return any(not named.isdisjoint(members) for members in others)

    def _members(self, key: GroupKey) -> tuple[str, ...]:
        group: SourcingGroup | None = self.policies[key.tenant].group(key.group, self.now)
        return group.members if group else ()

    @staticmethod
    def _same(place: Place, key: GroupKey) -> bool:
        return (place.tenant, place.sku) == (key.tenant, key.sku)
