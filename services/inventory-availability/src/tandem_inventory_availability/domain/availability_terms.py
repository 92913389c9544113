"""What can be promised, term by term: the one place of the formula, for decisions and for reads.

All terms are signed and clamped only at the last step. Figures are units of the SKU's minor unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_inventory_availability.domain.policy_rules import FulfilmentMode
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import StockKey, StockPosition


@dataclass(frozen=True)
class NodeTerms:
    """The terms of one position for one mode; ``backordered`` units wait for supply by consent."""

    key: StockKey
    on_hand: int
    hard: int
    soft: int
    unsettled: int
    leased: int
    safety: int
    haircut: int
    eligible: bool
    backordered: int = 0

    @property
    def free(self) -> int:
        """On hand less every claim; negative when claims outrun the stock."""
        return self.on_hand - self.hard - self.soft - self.unsettled - self.leased

    @property
    def deficit(self) -> int:
        """Units promised that are not there, without those promised below zero by consent."""
        return max(0, -self.free - self.backordered)

    @property
    def available(self) -> int:
        """What can be promised at the location; 0 where nothing may be promised."""
        return max(0, self.free - self.safety - self.haircut) if self.eligible else 0


@dataclass(frozen=True)
class NetTerms:
    """The terms of one SKU in one group. ``claims`` are unpinned units of it and of every group
    that shares a member with it."""

    group: str
    members: tuple[NodeTerms, ...]
    claims: int
    deficits: int
    network_safety: int

    @property
    def raw(self) -> int:
        """Before it is cut at zero: negative when unpinned claims have no unit left."""
        nodes = sum(member.available for member in self.members)
        return nodes - self.claims - self.deficits - self.network_safety

    @property
    def available(self) -> int:
        """What can be promised from the group."""
        return max(0, self.raw)


def node_terms(
    position: StockPosition, policy: StockPolicy, mode: FulfilmentMode | None, now: datetime
) -> NodeTerms:
    """The terms of a position; without a mode, safety rules of a single mode do not apply."""
    sku, location = position.key.sku, position.key.location
    return NodeTerms(
        key=position.key,
        on_hand=position.on_hand,
        hard=position.hard,
        soft=position.soft_live,
        unsettled=position.unsettled,
        leased=position.leased_live,
        safety=policy.safety(sku, location, mode, now),
        haircut=policy.haircut(sku, location, position.stale_at, now),
        eligible=policy.eligible(location, mode, now),
        backordered=position.backordered - position.backordered_expired,
    )


def net_terms(
    group: str,
    members: Sequence[NodeTerms],
    claims_of_overlapping: int,
    network_safety: int,
    net_deficits: bool,
) -> NetTerms:
    """The terms of a group.

    A deficit of a member is taken off, for its victims will be sourced from the same group;
    otherwise the same units are promised twice.
    """
    deficits = sum(member.deficit for member in members) if net_deficits else 0
    return NetTerms(group, tuple(members), claims_of_overlapping, deficits, network_safety)


@dataclass(frozen=True)
class PolicyView:
    """A policy asked for one fulfilment mode at one moment."""

    policy: StockPolicy
    now: datetime
    mode: FulfilmentMode | None = None

    def node(self, position: StockPosition) -> NodeTerms:
        """The terms of a position."""
        return node_terms(position, self.policy, self.mode, self.now)

    def net(
        self,
        group_id: str,
        positions: Sequence[StockPosition],
        claims: Mapping[tuple[str, str], int],
    ) -> NetTerms | None:
        """The terms of one SKU in a group; None when there is none, or no position of it.

        ``positions`` are those of the SKU, ``claims`` unpinned units by SKU and group.
        """
        group = self.policy.group(group_id, self.now)
        if group is None or not positions:
            return None
        sku = positions[0].key.sku
        members = [self.node(p) for p in positions if p.key.location in group.members]
        overlapping = self.policy.overlapping(group, self.now)
        claimed = sum(claims.get((sku, other.id), 0) for other in overlapping)
        safety = self.policy.network_safety(sku, group_id, self.mode, self.now)
        return net_terms(group_id, members, claimed, safety, self.policy.nets_deficits(self.now))


def bundle_available(ratios: Mapping[str, int], components: Mapping[str, int]) -> int:
    """Whole bundles that the components suffice for; a component without a figure counts 0."""
    return min((components.get(sku, 0) // ratio for sku, ratio in ratios.items()), default=0)


def within_channel(available: int, channel_available: int | None) -> int:
    """What a channel may promise of it; None where no quota stands."""
    return available if channel_available is None else max(0, min(available, channel_available))


def exploded(demand: Iterable[tuple[str, int]], policy: StockPolicy) -> dict[str, int]:
    """Units by SKU with bundles replaced by their components, lines of one SKU summed."""
    units: dict[str, int] = {}
    for sku, quantity in demand:
        for component, ratio in policy.bundles.get(sku, {sku: 1}).items():
            units[component] = units.get(component, 0) + ratio * quantity
    return units
