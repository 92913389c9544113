"""Answers what can be promised, from positions and claims as they were read at one moment.

A location can promise what is free there, but not units its groups need for claims that are not
pinned yet; a group can promise what its members have, but not what overlapping groups need. These
are the limits decisions keep to, so what is answered here can be reserved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from tandem_inventory_availability.domain.availability_terms import (
    NetTerms,
    NodeTerms,
    PolicyView,
    bundle_available,
    within_channel,
)
from tandem_inventory_availability.domain.stock_position import StockPosition


class Confidence(IntEnum):
    """Trust in an answer, best first."""

    HIGH = 1
    STALE = 2
    DEGRADED = 3
    GAP = 4


ChannelLimit = Callable[[str, str, str], int | None]
"""What a channel may promise of a SKU at a location or in a group (either empty); None for all."""


def no_limit(sku: str, location: str, group: str) -> int | None:
    """No channel is asked for, or no plan stands."""
    return None


@dataclass(frozen=True)
class Component:
    """What one component of a bundle allows."""

    sku: str
    ratio: int
    available: int


@dataclass(frozen=True)
class Answer:
    """What can be promised of a SKU at a location or in a group, and what that rests on.

    ``lag`` is None when a source never reported.
    """

    sku: str
    location: str
    group: str
    available: int
    confidence: Confidence
    lag: timedelta | None
    positions: tuple[StockPosition, ...]
    priority: int = 0
    node: NodeTerms | None = None
    net: NetTerms | None = None
    group_limit: int | None = None
    channel_limit: int | None = None
    components: tuple[Component, ...] = ()


def ranked(answers: Iterable[Answer], quantity: int) -> list[Answer]:
    """Those with units: first the ones that suffice alone, by priority; then by their units."""

    def rank(answer: Answer) -> tuple[bool, int, int, str]:
        suffices = answer.available >= quantity
        worth = answer.priority if suffices else -answer.available
        return not suffices, worth, answer.priority, answer.location

    return sorted((answer for answer in answers if answer.available), key=rank)


@dataclass
class StockView:
    """Stock at one moment. ``positions`` hold every position of the SKUs asked for and of their
    components; ``claims`` unpinned units by SKU and group."""

    view: PolicyView
    positions: Mapping[str, Mapping[str, StockPosition]]
    claims: Mapping[tuple[str, str], int] = field(default_factory=dict)
    channel_limit: ChannelLimit = no_limit
    fresh_for: timedelta = timedelta(days=1)

    def locations_of(self, sku: str) -> list[str]:
        """Where there are positions of a SKU or of a component, by priority."""
        parts = self.view.policy.bundles.get(sku, {sku: 1})
        found = {place for part in parts for place in self.positions.get(part, ())}
        return sorted(found, key=lambda place: (self._priority(place), place))

    def at_location(self, sku: str, location: str) -> Answer | None:
        """What can be promised at a location; None where there is no position."""
        ratios = self.view.policy.bundles.get(sku)
        if ratios:
            parts = {part: self.at_location(part, location) for part in ratios}
            return self._bundle(sku, (location, ""), ratios, parts)
        position = self.positions.get(sku, {}).get(location)
        if position is None:
            return None
        node = self.view.node(position)
        limits = [net.available for net in self._claimed_nets(sku, self._groups_at(location))]
        group_limit = min(limits, default=None)
        available = min(node.available, *limits) if limits else node.available
        channel = self.channel_limit(sku, location, "")
        return Answer(
            sku,
            location,
            "",
            within_channel(available, channel),
            self._confidence([position]),
            self._lag([position]),
            (position,),
            self._priority(location),
            node=node,
            group_limit=group_limit,
            channel_limit=channel,
        )

    def of_group(self, sku: str, group: str) -> Answer | None:
        """What can be promised of a group; None when it has no position of the SKU."""
        ratios = self.view.policy.bundles.get(sku)
        if ratios:
            parts = {part: self.of_group(part, group) for part in ratios}
            return self._bundle(sku, ("", group), ratios, parts)
        of_sku = list(self.positions.get(sku, {}).values())
        net = self.view.net(group, of_sku, self.claims)
        found = self.view.policy.group(group, self.view.now)
        if net is None or found is None or not net.members:
            return None
        overlapping = self.view.policy.overlapping(found, self.view.now)
        limits = [n.available for n in self._claimed_nets(sku, [g.id for g in overlapping])]
        available = min(net.available, *limits) if limits else net.available
        channel = self.channel_limit(sku, "", group)
        members = [p for p in of_sku if p.key.location in found.members]
        return Answer(
            sku,
            "",
            group,
            within_channel(available, channel),
            self._confidence(members),
            self._lag(members),
            tuple(members),
            net=net,
            group_limit=min(limits, default=None),
            channel_limit=channel,
        )

    def _bundle(
        self,
        sku: str,
        place: tuple[str, str],
        ratios: Mapping[str, int],
        parts: Mapping[str, Answer | None],
    ) -> Answer:
        known = [part for part in parts.values() if part is not None]
        counts = {part.sku: part.available for part in known}
        lags = [part.lag for part in known]
        silent = not lags or any(lag is None for lag in lags)
        worst = Confidence.STALE if silent else Confidence.HIGH
        return Answer(
            sku,
            place[0],
            place[1],
            bundle_available(ratios, counts),
            max([worst, *(part.confidence for part in known)]),
            None if silent else max(lag for lag in lags if lag is not None),
            tuple(position for part in known for position in part.positions),
            self._priority(place[0]),
            components=tuple(
                Component(part, ratio, counts.get(part, 0))
                for part, ratio in sorted(ratios.items())
            ),
        )

    def _groups_at(self, location: str) -> list[str]:
        return [group.id for group in self.view.policy.groups_of(location, self.view.now)]

    def _claimed_nets(self, sku: str, groups: Iterable[str]) -> list[NetTerms]:
        of_sku = list(self.positions.get(sku, {}).values())
        claimed = [group for group in groups if self.claims.get((sku, group), 0) > 0]
        nets = (self.view.net(group, of_sku, self.claims) for group in claimed)
        return [net for net in nets if net is not None]

    def _priority(self, location: str) -> int:
        found = self.view.policy.locations.get(location)
        return found.priority if found else 0

    def _confidence(self, positions: Iterable[StockPosition]) -> Confidence:
        return max((self._trust(position) for position in positions), default=Confidence.HIGH)

    def _trust(self, position: StockPosition) -> Confidence:
        if position.gap:
            return Confidence.GAP
        if position.in_conflict:
            return Confidence.DEGRADED
        return Confidence.STALE if self._stale(position) else Confidence.HIGH

    def _stale(self, position: StockPosition) -> bool:
        if position.source_at is None:
            return True
        silent_from = position.stale_at or position.source_at + self.fresh_for
        return silent_from < self.view.now

    def _lag(self, positions: Iterable[StockPosition]) -> timedelta | None:
        times = [position.source_at for position in positions]
        reported: list[datetime] = [time for time in times if time is not None]
        if not reported or len(reported) < len(times):
            return None
        return max(timedelta(0), self.view.now - min(reported))
