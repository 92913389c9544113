"""All that a retailer decided about stock: a value decisions only ask.

Compiled from the configuration of one tenant and one version. Where several rules match, each
method says which wins. Each asks by the clock: an entry of tomorrow changes nothing today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from tandem_inventory_availability.domain.policy_rules import (
    BackorderRule,
    FulfilmentMode,
    HaircutRule,
    HoldRule,
    LeadTimeRule,
    LocationPolicy,
    LocationStatus,
    NetworkTerms,
    SafetyRule,
    SourcingGroup,
    SupplyRule,
    ThresholdRule,
)
from tandem_inventory_availability.domain.rule_index import RuleIndex

SECONDS_PER_DAY = 86_400
R = TypeVar("R", BackorderRule, HoldRule, ThresholdRule, SupplyRule, LeadTimeRule)
NO_HOLD_RULE = HoldRule("default")
NO_SUPPLY_RULE = SupplyRule("default")


@dataclass(frozen=True)
class StockPolicy:
    """All decisions of one tenant. ``bundles`` maps a bundle's SKU to units of each component.

    Of a group's id there may be several values, at most one effective at any moment.
    """

    version: int = 0
    locations: Mapping[str, LocationPolicy] = field(default_factory=dict)
    group_rules: Sequence[SourcingGroup] = ()
    safety_rules: Sequence[SafetyRule] = ()
    haircut_rules: Sequence[HaircutRule] = ()
    backorder_rules: Sequence[BackorderRule] = ()
    hold_rules: Sequence[HoldRule] = ()
    threshold_rules: Sequence[ThresholdRule] = ()
    supply_rules: Sequence[SupplyRule] = ()
    lead_time_rules: Sequence[LeadTimeRule] = ()
    network: Sequence[NetworkTerms] = ()
    bundles: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def safety(self, sku: str, location: str, mode: FulfilmentMode | None, now: datetime) -> int:
        """Units kept back at a location: the greatest of the matching rules, 0 without one."""
        matching = self._node_safety.matching(sku, location, now)
        if not matching:
            return 0
        kind = self.locations[location].kind if location in self.locations else None
        return max(
            (r.quantity for r in matching if r.kind in (None, kind) and r.mode in (None, mode)),
            default=0,
        )

    def safety_rule(
        self, sku: str, location: str, mode: FulfilmentMode | None, now: datetime
    ) -> SafetyRule | None:
        """The rule `safety` follows."""
        kind = self.locations[location].kind if location in self.locations else None
        matching = self._node_safety.matching(sku, location, now)
        matching = [r for r in matching if r.kind in (None, kind) and r.mode in (None, mode)]
        return max(matching, key=lambda rule: rule.quantity, default=None)

    def network_safety_rule(
        self, sku: str, group: str, mode: FulfilmentMode | None, now: datetime
    ) -> SafetyRule | None:
        """The rule `network_safety` follows."""
        matching = self._network_safety.matching(sku, group, now)
        matching = [r for r in matching if r.group and r.mode in (None, mode)]
        return max(matching, key=lambda rule: rule.quantity, default=None)

    def haircut_rule(self, sku: str, location: str, now: datetime) -> HaircutRule | None:
        """The rule `haircut` follows."""
        matching = self._haircuts.matching(sku, location, now)
        return max(matching, key=lambda rule: rule.units_per_day, default=None)

    def network_safety(
        self, sku: str, group: str, mode: FulfilmentMode | None, now: datetime
    ) -> int:
        """Units kept back of a whole group: the greatest of the matching rules."""
        matching = self._network_safety.matching(sku, group, now)
        return max((r.quantity for r in matching if r.group and r.mode in (None, mode)), default=0)

    def haircut(self, sku: str, location: str, stale_at: datetime | None, now: datetime) -> int:
        """Units not trusted any more: ceil(rate x time since the source went stale)."""
        if stale_at is None or now <= stale_at or not self.haircut_rules:
            return 0
        late_s = -((stale_at - now) // timedelta(seconds=1))
        matching = self._haircuts.matching(sku, location, now)
        rate = max((rule.units_per_day for rule in matching), default=0)
        return -(-rate * late_s // SECONDS_PER_DAY)

    def backorder_limit(self, sku: str, location: str, now: datetime) -> int:
        """How far below zero may be promised; the most specific rule wins, 0 without one."""
        matching = self._backorders.matching(sku, location, now)
        return matching[-1].limit if matching else 0

    def hold_rule(self, channel: str, step: str, now: datetime) -> HoldRule:
        """How long a hold lasts; the most specific rule wins, the default without one."""
        matching = self._holds.matching(channel, step, now)
        return matching[-1] if matching else NO_HOLD_RULE

    def low_threshold(self, sku: str, location: str, now: datetime) -> int:
        """From how few units on a position is low; the most specific rule wins, 0 without one."""
        matching = self._thresholds.matching(sku, location, now)
        return matching[-1].low if matching else 0

    def supply_rule(self, sku: str, location: str, now: datetime) -> SupplyRule:
        """How supply is trusted; the most specific rule wins, the default without one."""
        matching = self._supply.matching(sku, location, now)
        return matching[-1] if matching else NO_SUPPLY_RULE

    def lead_time(self, sku: str, location: str, now: datetime) -> timedelta | None:
        """How long any quantity takes; None when it cannot be ordered at all."""
        matching = self._lead_times.matching(sku, location, now)
        return matching[-1].lead_time if matching else None

    def nets_deficits(self, now: datetime) -> bool:
        """Whether a deficit at one member lowers its group; it does unless decided otherwise."""
        return next((terms.net_deficits for terms in self.network if terms.in_effect(now)), True)

    def group(self, group_id: str, now: datetime) -> SourcingGroup | None:
        """A group as it is now."""
        values = self._groups.get(group_id, ())
        return next((group for group in values if group.in_effect(now)), None)

    def groups_now(self, now: datetime) -> list[SourcingGroup]:
        """All groups as they are now, by id."""
        found = (self.group(group_id, now) for group_id in self._groups)
        return [group for group in found if group is not None]

    def groups_of(self, location: str, now: datetime) -> list[SourcingGroup]:
        """Groups the location is a member of now, by id."""
        return [g for g in self._groups_by_member.get(location, ()) if g.in_effect(now)]

    def overlapping(self, group: SourcingGroup, now: datetime) -> list[SourcingGroup]:
        """Groups that share or shared a member with it, itself included, by id.

        Also those whose window is over: units claimed of them before still wait to be pinned.
        """
        found = {
            g.id: g
            for member in group.members
            for g in self._groups_by_member.get(member, ())
            if g.window.since is None or g.window.since <= now
        }
        return [found[group_id] for group_id in sorted(found)]

    def locations_by_priority(self) -> list[str]:
        """All locations, those sourced from first at the front."""
        return sorted(self.locations, key=lambda name: (self.locations[name].priority, name))

    def eligible(self, location: str, mode: FulfilmentMode | None, now: datetime) -> bool:
        """True when the location may be promised from, for the mode if one is asked for."""
        found = self.locations.get(location)
        if found is None:
            return False
        terms = found.terms(now)
        if terms.status is not LocationStatus.ACTIVE:
            return False
        if mode is None:
            return True
        if terms.modes:
            return mode in terms.modes
        return found.ships or mode is not FulfilmentMode.SHIP

    def dock_to_stock(self, location: str, now: datetime) -> timedelta:
        """From arrival until units can be sold."""
        found = self.locations.get(location)
        return found.terms(now).dock_to_stock if found else timedelta(0)

    @cached_property
    def _groups(self) -> dict[str, list[SourcingGroup]]:
        values: dict[str, list[SourcingGroup]] = {}
        for group in sorted(self.group_rules, key=lambda group: group.id):
            values.setdefault(group.id, []).append(group)
        return values

    @cached_property
    def _groups_by_member(self) -> dict[str, list[SourcingGroup]]:
        members: dict[str, list[SourcingGroup]] = {}
        for values in self._groups.values():
            for group in values:
                for member in group.members:
                    members.setdefault(member, []).append(group)
        return members

    @cached_property
    def _node_safety(self) -> RuleIndex[SafetyRule]:
        rules = [rule for rule in self.safety_rules if not rule.group]
        return RuleIndex(rules, lambda rule: (rule.sku, rule.location))

    @cached_property
    def _network_safety(self) -> RuleIndex[SafetyRule]:
        rules = [rule for rule in self.safety_rules if rule.group]
        return RuleIndex(rules, lambda rule: (rule.sku, rule.group))

    @cached_property
    def _haircuts(self) -> RuleIndex[HaircutRule]:
        return RuleIndex(self.haircut_rules, lambda rule: (rule.sku, rule.location))

    @cached_property
    def _backorders(self) -> RuleIndex[BackorderRule]:
        return RuleIndex(_by_id(self.backorder_rules), lambda rule: (rule.sku, rule.location))

    @cached_property
    def _holds(self) -> RuleIndex[HoldRule]:
        return RuleIndex(_by_id(self.hold_rules), lambda rule: (rule.channel, rule.step))

    @cached_property
    def _thresholds(self) -> RuleIndex[ThresholdRule]:
        return RuleIndex(_by_id(self.threshold_rules), lambda rule: (rule.sku, rule.location))

    @cached_property
    def _supply(self) -> RuleIndex[SupplyRule]:
        return RuleIndex(_by_id(self.supply_rules), lambda rule: (rule.sku, rule.location))

    @cached_property
    def _lead_times(self) -> RuleIndex[LeadTimeRule]:
        return RuleIndex(_by_id(self.lead_time_rules), lambda rule: (rule.sku, rule.location))


def _by_id(rules: Sequence[R]) -> list[R]:
    """Of rules as specific as each other the one with the highest id wins, in any order of them."""
    return sorted(rules, key=lambda rule: rule.id)
