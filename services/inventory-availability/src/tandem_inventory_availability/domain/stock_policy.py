"""What a retailer decided about stock, as effective at one moment: groups, safety stock, holds.

A value, compiled from the configuration of one tenant and one version; decisions only ask it. Rules
name a SKU and a place or leave them empty for all; where several match, each method says which wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from tandem_inventory_availability.domain.catalogue import LocationKind

ALL = ""
SECONDS_PER_DAY = 86_400


class FulfilmentMode(StrEnum):
    """How units reach the customer; safety stock and eligibility may differ."""

    SHIP = "SHIP"
    PICKUP = "PICKUP"
    SAME_DAY = "SAME_DAY"


class LocationStatus(StrEnum):
    """Whether a location may be promised from."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"


@dataclass(frozen=True)
class Window:
    """When an entry is effective: from (in) until (out); None is without end."""

    since: datetime | None = None
    until: datetime | None = None

    def covers(self, now: datetime) -> bool:
        """True when the entry is effective."""
        return (self.since is None or self.since <= now) and (
            self.until is None or now < self.until
        )


ALWAYS = Window()


@dataclass(frozen=True)
class LocationPolicy:
    """What may happen at a location. ``dock_to_stock`` is added to the arrival of supply."""

    id: str
    kind: LocationKind
    priority: int
    ships: bool
    status: LocationStatus = LocationStatus.ACTIVE
    dock_to_stock: timedelta = timedelta(0)


@dataclass(frozen=True)
class SourcingGroup:
    """Locations an order may be sourced from; the earlier a member the more it is preferred.

    Empty ``channels`` or ``modes`` means all.
    """

    id: str
    members: tuple[str, ...]
    channels: frozenset[str] = frozenset()
    modes: frozenset[FulfilmentMode] = frozenset()
    window: Window = ALWAYS


@dataclass(frozen=True)
class SafetyRule:
    """Units kept back at a location, of a kind, or (with ``group``) of a whole network."""

    id: str
    quantity: int
    sku: str = ALL
    location: str = ALL
    kind: LocationKind | None = None
    group: str = ALL
    mode: FulfilmentMode | None = None
    window: Window = ALWAYS


@dataclass(frozen=True)
class HaircutRule:
    """Units a day taken off while a source is silent for longer than it promised."""

    id: str
    units_per_day: int
    sku: str = ALL
    location: str = ALL
    window: Window = ALWAYS


@dataclass(frozen=True)
class BackorderRule:
    """How far below zero may be promised, until the window ends."""

    id: str
    limit: int
    sku: str = ALL
    location: str = ALL
    window: Window = ALWAYS


@dataclass(frozen=True)
class HoldRule:
    """How long holds of a channel last; ``step`` is the checkout's, empty for all."""

    id: str
    channel: str = ALL
    step: str = ALL
    time_to_live: timedelta = timedelta(minutes=15)
    lifetime_max: timedelta = timedelta(hours=24)
    extensions_max: int = 10
    window: Window = ALWAYS


@dataclass(frozen=True)
class ThresholdRule:
    """From how few units on a position counts as low."""

    id: str
    low: int
    sku: str = ALL
    location: str = ALL
    window: Window = ALWAYS


@dataclass(frozen=True)
class StockPolicy:
    """All decisions of one tenant. ``bundles`` maps a bundle's SKU to units of each component."""

    version: int = 0
    locations: Mapping[str, LocationPolicy] = field(default_factory=dict)
    groups: Mapping[str, SourcingGroup] = field(default_factory=dict)
    safety_rules: Sequence[SafetyRule] = ()
    haircut_rules: Sequence[HaircutRule] = ()
    backorder_rules: Sequence[BackorderRule] = ()
    hold_rules: Sequence[HoldRule] = ()
    threshold_rules: Sequence[ThresholdRule] = ()
    bundles: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    net_deficits: bool = True
    """Whether a deficit at one member lowers its group: its victims are re-sourced there."""

    def safety(
        self, sku: str, location: str, mode: FulfilmentMode | None, now: datetime
    ) -> int:
        """Units kept back at a location: the greatest of the matching rules, 0 without one."""
        kind = self.locations[location].kind if location in self.locations else None
        return max(
            (
                rule.quantity
                for rule in self.safety_rules
                if not rule.group
                and rule.sku in (ALL, sku)
                and rule.location in (ALL, location)
                and rule.kind in (None, kind)
                and rule.mode in (None, mode)
                and rule.window.covers(now)
            ),
            default=0,
        )

    def network_safety(
        self, sku: str, group: str, mode: FulfilmentMode | None, now: datetime
    ) -> int:
        """Units kept back of a whole group: the greatest of the matching rules."""
        return max(
            (
                rule.quantity
                for rule in self.safety_rules
                if rule.group == group
                and rule.sku in (ALL, sku)
                and rule.mode in (None, mode)
                and rule.window.covers(now)
            ),
            default=0,
        )

    def haircut(self, sku: str, location: str, stale_at: datetime | None, now: datetime) -> int:
        """Units not trusted any more: ceil(rate x time since the source went stale)."""
        if stale_at is None or now <= stale_at or not self.haircut_rules:
            return 0
        late_s = -((stale_at - now) // timedelta(seconds=1))
        rates = (
            rule.units_per_day
            for rule in self.haircut_rules
            if rule.sku in (ALL, sku)
            and rule.location in (ALL, location)
            and rule.window.covers(now)
        )
        return -(-max(rates, default=0) * late_s // SECONDS_PER_DAY)

    def backorder_limit(self, sku: str, location: str, now: datetime) -> int:
        """How far below zero may be promised; the most specific rule wins, 0 without one."""
        matching = [
            rule
            for rule in self.backorder_rules
            if rule.sku in (ALL, sku)
            and rule.location in (ALL, location)
            and rule.window.covers(now)
        ]
        matching.sort(key=lambda rule: (bool(rule.sku), bool(rule.location), rule.id))
        return matching[-1].limit if matching else 0

    def hold_rule(self, channel: str, step: str, now: datetime) -> HoldRule:
        """How long a hold lasts; the most specific rule wins, the default without one."""
        matching = [
            rule
            for rule in self.hold_rules
            if rule.channel in (ALL, channel)
            and rule.step in (ALL, step)
            and rule.window.covers(now)
        ]
        matching.sort(key=lambda rule: (bool(rule.channel), bool(rule.step), rule.id))
        return matching[-1] if matching else HoldRule("default")

    def groups_of(self, location: str, now: datetime) -> list[SourcingGroup]:
        """Groups the location is a member of now, by id."""
        return [
            group
            for _, group in sorted(self.groups.items())
            if location in group.members and group.window.covers(now)
        ]

    def eligible(self, location: str) -> bool:
        """True when the location may be promised from."""
        found = self.locations.get(location)
        return found is not None and found.status is LocationStatus.ACTIVE
