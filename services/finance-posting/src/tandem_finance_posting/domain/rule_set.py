"""A version of a rule set: event types, rules, roles and policies, valid from a day on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from tandem_finance_posting.domain.errors import PostingRuleMissing
from tandem_finance_posting.domain.event_type import EventType
from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.posting_rule import PostingRule

ANY_ENTITY = "*"


@dataclass(frozen=True)
class Role:
    """What an account role is, for reports, close checks and currency."""

    name: str
    family: str
    """asset, liability, revenue, expense or memo."""
    clears: bool = False
    """Must be zero when a case is finished: clearing, in transit, hold, accrual, wash."""
    item: str | None = None
    """Monetary in foreign currency: the fact that names its open item ('' for one pool); None when
    the role is not monetary and keeps the rate it was booked at."""


@dataclass(frozen=True)
class Policy:
    """A switch with its values; entities may differ from the default."""

    name: str
    values: tuple[str, ...]
    default: str
    by_entity: Mapping[str, str] = field(default_factory=dict)

    def of(self, entity: str) -> str:
        """The value in force for an entity."""
        return self.by_entity.get(entity, self.default)


@dataclass(frozen=True)
class Entity:
    """A legal entity. ``currency_code`` is that of its books; empty: each event's own."""

    currency_code: str = ""


Slot = tuple[str, str]
"""Book and purpose: exactly one rule of an event type applies in each."""


@dataclass(frozen=True)
class RuleSet:
    """All rules of one version. ``effective_from`` is compared with the event's original date."""

    name: str
    version: int
    effective_from: date
    event_types: Mapping[str, EventType]
    rules: tuple[PostingRule, ...]
    roles: Mapping[str, Role]
    policies: Mapping[str, Policy] = field(default_factory=dict)
    entities: Mapping[str, Entity] = field(default_factory=lambda: {ANY_ENTITY: Entity()})
    by_slot: Mapping[str, Mapping[Slot, tuple[PostingRule, ...]]] = field(init=False)
    _by_policy: dict[tuple[str, str], list[tuple[str, tuple[PostingRule, ...]]]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    _policies: dict[str, Mapping[str, str]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        slots: dict[str, dict[Slot, tuple[PostingRule, ...]]] = {}
        for rule in self.rules:
            of_type = slots.setdefault(rule.event_type, {})
            for book in rule.books:
                slot = (book, rule.purpose)
                of_type[slot] = (*of_type.get(slot, ()), rule)
        object.__setattr__(self, "by_slot", slots)

    @property
    def label(self) -> str:
        """Name and version as stored with each journal."""
        return f"{self.name}/{self.version}"

    def event_type(self, name: str) -> EventType:
        """What is declared of a type. Raises PostingRuleMissing for an unknown one."""
        found = self.event_types.get(name)
        if found is None:
            raise PostingRuleMissing(name, 0)
        return found

    def rules_for(
        self, event_type: str, entity: str, facts: Facts
    ) -> list[tuple[str, PostingRule]]:
        """Book and rule of every slot of the type that has lines. Raises PostingRuleMissing unless
        exactly one rule applies in each."""
        found = []
        for book, rules in self._chosen(event_type, entity):
            matching = rules
            if len(rules) > 1 or rules[0].when is not None:
                matching = tuple(rule for rule in rules if rule.applies(facts))
            if len(matching) != 1:
                raise PostingRuleMissing(event_type, len(matching))
            found.append((book, matching[0]))
        return found

    def _chosen(self, event_type: str, entity: str) -> list[tuple[str, tuple[PostingRule, ...]]]:
        """What policies alone leave of each slot of an entity: they do not differ from event to
        event, so they are asked once."""
        known = self._by_policy.get((event_type, entity))
        if known is not None:
            return known
        policies = self.policy_facts(entity)
        found = []
        for (book, _), rules in self.by_slot.get(event_type, {}).items():
            left = []
            for rule in rules:
                of_policies = rule.when is not None and rule.when.names <= policies.keys()
                if not of_policies or rule.applies(policies):
                    left.append(replace(rule, when=None) if of_policies else rule)
            if not left:
                raise PostingRuleMissing(event_type, 0)
            if len(left) > 1 or left[0].lines:
                found.append((book, tuple(left)))
        self._by_policy[event_type, entity] = found
        return found

    def partner_facts(self, event_type: str) -> Mapping[str, tuple[str, ...]]:
        """Facts that name another legal entity, with the books posted in there."""
        found: dict[str, tuple[str, ...]] = {}
        for (book, _), rules in self.by_slot.get(event_type, {}).items():
            for name in {rule.entity for rule in rules if rule.entity}:
                found[name] = (*found.get(name, ()), book)
        return found

    def rule(self, rule_id: str) -> PostingRule:
        """The rule of that id. Raises PostingRuleMissing."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise PostingRuleMissing(rule_id, 0)

    def policy_facts(self, entity: str) -> Mapping[str, str]:
        """The switches as facts of an entity's events."""
        known = self._policies.get(entity)
        if known is None:
            known = {name: policy.of(entity) for name, policy in self.policies.items()}
            self._policies[entity] = known
        return known

    def entity(self, name: str) -> Entity | None:
        """What is known of a legal entity; None for one the set does not know."""
        return self.entities.get(name) or self.entities.get(ANY_ENTITY)
