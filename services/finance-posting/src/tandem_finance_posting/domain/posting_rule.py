"""Posting rules: which lines follow from an event; a rule is proved to balance when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tandem_finance_posting.domain.errors import PostingRuleInvalid, PostingRuleMissing
from tandem_finance_posting.domain.expression import Expression, Facts, Linear, linear, plus


class Side(StrEnum):
    """Side of a journal line."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"

    @property
    def sign(self) -> int:
        """+1 for debits, -1 for credits."""
        return 1 if self is Side.DEBIT else -1

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.CREDIT if self is Side.DEBIT else Side.DEBIT


@dataclass(frozen=True)
class RuleLine:
    """One line of a rule. ``each`` names a list of the facts: one journal line per item."""

    id: str
    side: Side
    role: str
    amount: Expression
    each: str = ""
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleTest:
    """An example the rule must give: balances by role, debit positive."""

    name: str
    facts: Facts
    expect: Mapping[str, int]


@dataclass(frozen=True)
class PostingRule:
    """A rule of the catalogue. Raises PostingRuleInvalid when it cannot be proved to balance."""

    id: str
    event_type: str
    title: str
    lines: tuple[RuleLine, ...]
    when: Expression | None = None
    purpose: str = "primary"
    tests: tuple[RuleTest, ...] = ()

    def __post_init__(self) -> None:
        difference = self.difference()
        if difference:
            raise PostingRuleInvalid(self.id, f"debits less credits leave {difference}")
        if not self.tests:
            raise PostingRuleInvalid(self.id, "has no test")
        ids = [line.id for line in self.lines]
        if len(set(ids)) != len(ids):
            raise PostingRuleInvalid(self.id, "two lines have the same id")

    def difference(self) -> Linear:
        """Debits less credits as a linear form of the facts; empty when proved to balance."""
        total: Linear = {}
        for line in self.lines:
            terms = linear(line.amount, line.each)
            signed = {name: value * line.side.sign for name, value in terms.items()}
            total = plus(total, signed)
        return total

    def applies(self, facts: Facts) -> bool:
        """True when the rule's condition holds."""
        return self.when is None or self.when.holds(facts)


@dataclass(frozen=True)
class RuleSet:
    """All rules in force, by name and version."""

    name: str
    version: int
    rules: tuple[PostingRule, ...]
    by_type: Mapping[str, tuple[PostingRule, ...]] = field(init=False)

    def __post_init__(self) -> None:
        by_type: dict[str, tuple[PostingRule, ...]] = {}
        for rule in self.rules:
            by_type[rule.event_type] = (*by_type.get(rule.event_type, ()), rule)
        object.__setattr__(self, "by_type", by_type)

    @property
    def label(self) -> str:
        """Name and version as stored with each journal."""
        return f"{self.name}/{self.version}"

    def rule_for(self, event_type: str, facts: Facts) -> PostingRule:
        """The one rule that applies. Raises PostingRuleMissing for none or several."""
        matching = [r for r in self.by_type.get(event_type, ()) if r.applies(facts)]
        if len(matching) != 1:
            raise PostingRuleMissing(event_type, len(matching))
        return matching[0]

    def rule(self, rule_id: str) -> PostingRule:
        """The rule of that id. Raises PostingRuleMissing."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise PostingRuleMissing(rule_id, 0)


def untested_roles(rules: Sequence[PostingRule]) -> Iterable[str]:
    """Roles no test of any rule names: a swapped role would go unnoticed there."""
    tested = {role for rule in rules for test in rule.tests for role in test.expect}
    return sorted({line.role for rule in rules for line in rule.lines} - tested)
