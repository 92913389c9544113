"""How many units more can be claimed of a place, on the locked rows of a batch.

At a location: what is free there, and what its groups can spare. Of a group: what its members have
free less the unpinned claims of *every* group that shares a member with it. That is enough for
overlapping groups too: by Hall's theorem all unpinned units can be pinned at once if for any set of
claimed groups their members together have as many units as they claim. Take a largest choice of
groups of the set that share no member: each group of the set overlaps one of the choice, so the
members of the choice alone have at least as many units as the whole set claims.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from tandem_inventory_availability.domain.availability_terms import NodeTerms, node_terms
from tandem_inventory_availability.domain.policy_rules import FulfilmentMode, SourcingGroup
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey


class Floor(Enum):
    """What must stay untouched: a new promise keeps off safety stock, a given one may use it."""

    SAFETY = "SAFETY"
    ZERO = "ZERO"


@dataclass
class Demand:
    """What a step would claim more of each place; negative for what it gives back."""

    keys: dict[StockKey, int] = field(default_factory=dict)
    groups: dict[GroupKey, int] = field(default_factory=dict)
    pegs: dict[str, int] = field(default_factory=dict)
    """Units of supply lines."""

    def add(self, place: Place, quantity: int) -> None:
        """Claims more."""
        if isinstance(place, GroupKey):
            self.groups[place] = self.groups.get(place, 0) + quantity
        else:
            self.keys[place] = self.keys.get(place, 0) + quantity

    def copy(self) -> Demand:
        """One that grows on its own."""
        return Demand(dict(self.keys), dict(self.groups), dict(self.pegs))

    def of(self, place: Place) -> int:
        """Units of a place."""
        if isinstance(place, GroupKey):
            return self.groups.get(place, 0)
        return self.keys.get(place, 0)


@dataclass(frozen=True)
class Room:
    """Asks the book what can still be claimed, on top of a demand."""

    book: StockBook
    demand: Demand
    mode: FulfilmentMode | None = None
    floor: Floor = Floor.SAFETY

    def of(self, place: Place) -> int:
        """Units more that can be claimed of a place, at least 0."""
        if isinstance(place, GroupKey):
            return max(0, self.unclamped(place))
        groups = self._claimed_groups_of(place)
        return max(0, min([self.unclamped(place), *map(self._net, groups)]))

    def unclamped(self, place: Place) -> int:
        """The same before it is cut at zero, of the place alone."""
        if isinstance(place, StockKey):
            return self._node(place)
        nets = [self._net(group) for group in self._claimed_groups_at(place)]
        return min([self._net(place), *nets])

    def below_zero(self, key: StockKey) -> int:
        """Units that may be claimed below zero by the backorder policy."""
        limit = self.book.policy(key.tenant).backorder_limit(key.sku, key.location, self.book.now)
        free = self.book.positions[key].free - self.demand.of(key)
        return max(0, free + limit)

    def _node(self, key: StockKey) -> int:
        terms = self._terms(key)
        claimed = self.demand.of(key)
        if self.floor is Floor.ZERO:
            return terms.free - claimed
        if not terms.eligible:
            return -max(0, claimed)
        return terms.free - terms.safety - terms.haircut - claimed

    def _terms(self, key: StockKey) -> NodeTerms:
        policy = self.book.policy(key.tenant)
        return node_terms(self.book.positions[key], policy, self.mode, self.book.now)

    def _net(self, key: GroupKey) -> int:
        policy, now = self.book.policy(key.tenant), self.book.now
        group = policy.group(key.group, now)
        if group is None:
            return 0
        members = [StockKey(key.tenant, key.sku, member) for member in group.members]
        known = [member for member in members if member in self.book.positions]
        nodes = sum(max(0, self._node(member)) for member in known)
        deficits = sum(map(self._deficit, known)) if policy.nets_deficits(now) else 0
        safety = 0
        if self.floor is Floor.SAFETY:
            safety = policy.network_safety(key.sku, key.group, self.mode, now)
        overlapping = policy.overlapping(group, now)
        claims = sum(self._claims(GroupKey(key.tenant, key.sku, g.id)) for g in overlapping)
        return nodes - claims - deficits - safety

    def _deficit(self, key: StockKey) -> int:
        position = self.book.positions[key]
        return max(0, self.demand.of(key) - position.free - position.backordered)

    def _claims(self, key: GroupKey) -> int:
        found = self.book.group_claims.get(key)
        return (found.units if found else 0) + self.demand.of(key)

    def _claimed_groups_of(self, key: StockKey) -> list[GroupKey]:
        groups = self.book.policy(key.tenant).groups_of(key.location, self.book.now)
        return list(self._claimed(key, groups))

    def _claimed_groups_at(self, key: GroupKey) -> list[GroupKey]:
        policy, now = self.book.policy(key.tenant), self.book.now
        group = policy.group(key.group, now)
        return list(self._claimed(key, policy.overlapping(group, now))) if group else []

    def _claimed(self, place: Place, groups: Iterable[SourcingGroup]) -> Iterable[GroupKey]:
        for group in groups:
            key = GroupKey(place.tenant, place.sku, group.id)
            if self._claims(key) > 0:
                yield key
