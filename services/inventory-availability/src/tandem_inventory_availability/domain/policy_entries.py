"""Entries of the configuration, and the policy they add up to.

All entries of one kind and id are its schedule: windows that do not overlap. A put replaces the
whole schedule of each id it names, so nothing of an older one is left by accident.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from tandem_inventory_availability.domain.catalogue import Location
from tandem_inventory_availability.domain.policy_rules import (
    BackorderRule,
    HaircutRule,
    HoldRule,
    LeadTimeRule,
    LocationPolicy,
    LocationTerms,
    NetworkTerms,
    PolicyRule,
    SafetyRule,
    SourcingGroup,
    SupplyRule,
    ThresholdRule,
    Window,
)
from tandem_inventory_availability.domain.stock_policy import StockPolicy


class PolicyKind(StrEnum):
    """What an entry is about."""

    LOCATION = "LOCATION"
    GROUP = "GROUP"
    SAFETY = "SAFETY"
    HAIRCUT = "HAIRCUT"
    BACKORDER = "BACKORDER"
    HOLD = "HOLD"
    THRESHOLD = "THRESHOLD"
    SUPPLY = "SUPPLY"
    LEAD_TIME = "LEAD_TIME"
    NETWORK = "NETWORK"


RULE_TYPES: Mapping[PolicyKind, type[PolicyRule]] = {
    PolicyKind.LOCATION: LocationTerms,
    PolicyKind.GROUP: SourcingGroup,
    PolicyKind.SAFETY: SafetyRule,
    PolicyKind.HAIRCUT: HaircutRule,
    PolicyKind.BACKORDER: BackorderRule,
    PolicyKind.HOLD: HoldRule,
    PolicyKind.THRESHOLD: ThresholdRule,
    PolicyKind.SUPPLY: SupplyRule,
    PolicyKind.LEAD_TIME: LeadTimeRule,
    PolicyKind.NETWORK: NetworkTerms,
}
_KINDS = {rule_type: kind for kind, rule_type in RULE_TYPES.items()}

R = TypeVar("R")
EntryKey = tuple[PolicyKind, str]


@dataclass(frozen=True)
class PolicyEntry:
    """One decision; for a location ``id`` is the location's."""

    id: str
    rule: PolicyRule

    @property
    def kind(self) -> PolicyKind:
        """What it is about."""
        return _KINDS[type(self.rule)]

    @property
    def key(self) -> EntryKey:
        """The schedule it belongs to."""
        return self.kind, self.id

    @property
    def window(self) -> Window:
        """When it is effective."""
        return self.rule.window


@dataclass(frozen=True)
class PolicySources:
    """All that a policy is made of."""

    version: int = 0
    locations: Mapping[str, Location] = field(default_factory=dict)
    bundles: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    entries: tuple[PolicyEntry, ...] = ()

    def put(self, entries: Collection[PolicyEntry], removed: Collection[EntryKey]) -> PolicySources:
        """With the schedules of some ids replaced or removed."""
        gone = {*removed, *(entry.key for entry in entries)}
        kept = [entry for entry in self.entries if entry.key not in gone]
        return PolicySources(self.version + 1, self.locations, self.bundles, (*kept, *entries))

    def compiled(self) -> StockPolicy:
        """The value decisions ask."""
        return StockPolicy(
            version=self.version,
            locations=self._locations(),
            group_rules=_of(self.entries, SourcingGroup),
            safety_rules=_of(self.entries, SafetyRule),
            haircut_rules=_of(self.entries, HaircutRule),
            backorder_rules=_of(self.entries, BackorderRule),
            hold_rules=_of(self.entries, HoldRule),
            threshold_rules=_of(self.entries, ThresholdRule),
            supply_rules=_of(self.entries, SupplyRule),
            lead_time_rules=_of(self.entries, LeadTimeRule),
            network=_of(self.entries, NetworkTerms),
            bundles=self.bundles,
        )

    def _locations(self) -> dict[str, LocationPolicy]:
        schedules: dict[str, list[LocationTerms]] = {}
        for entry in self.entries:
            if isinstance(entry.rule, LocationTerms):
                schedules.setdefault(entry.id, []).append(entry.rule)
        return {
            place.id: LocationPolicy(
                place.id,
                place.kind,
                place.priority,
                place.ships,
                tuple(schedules.get(place.id, ())),
            )
            for place in self.locations.values()
        }


def _of(entries: Iterable[PolicyEntry], rule_type: type[R]) -> tuple[R, ...]:
    return tuple(entry.rule for entry in entries if isinstance(entry.rule, rule_type))
