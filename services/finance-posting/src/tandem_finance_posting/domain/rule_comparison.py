"""Two versions of a rule set on events that happened: same facts, costs as they were stamped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tandem_core.errors import DomainError

from tandem_finance_posting.domain.journal import JournalLine, rule_lines
from tandem_finance_posting.domain.rule_set import RuleSet

EVENTS_SHOWN_MAX = 100
LINES_SHOWN_MAX = 50
RoleKey = tuple[str, str, str, str]
"""Entity, book, role, currency."""


@dataclass(frozen=True)
class StoredEvent:
    """A posted event with its facts, stamped costs included."""

    key: str
    type: str
    legal_entity: str
    original_date: date
    currency_code: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class RuledLine:
    """A line a version makes, with the rule it follows from."""

    legal_entity: str
    book: str
    rule: str
    line: JournalLine
    currency_code: str

    @property
    def key(self) -> RoleKey:
        """What its amount is summed under."""
        return self.legal_entity, self.book, self.line.role, self.currency_code

    @property
    def amount(self) -> int:
        """Signed, debit positive; a difference of rates counts in the currency of the books."""
        return (self.line.amount or self.line.functional) * self.line.side.sign

    @property
    def compared(self) -> tuple[Any, ...]:
        """What makes two lines the same; their rule may have another name."""
        dimensions = tuple(sorted(self.line.dimensions.items()))
        return (*self.key, self.amount, dimensions)

    def shown(self) -> str:
        """For people."""
        side = "Dr" if self.line.side.sign > 0 else "Cr"
        return f"{side} {self.line.role} {abs(self.amount)} ({self.rule}.{self.line.rule_line})"


def ruled_lines(rules: RuleSet, event: StoredEvent) -> list[RuledLine]:
    """What a version makes of an event. Raises what posting it would raise."""
    declared = rules.event_type(event.type)
    missing = {
        name: kind.absent(name) for name, kind in declared.known.items() if name not in event.facts
    }
    facts = {**missing, **event.facts, **rules.policy_facts(event.legal_entity)}
    return [
        RuledLine(
            legal_entity=str(facts[rule.entity]) if rule.entity else event.legal_entity,
            book=book,
            rule=rule.id,
            line=line,
            currency_code=line.currency_code or event.currency_code,
        )
        for book, rule in rules.rules_for(event.type, event.legal_entity, facts)
        for line in rule_lines(rule, facts)
    ]


@dataclass
class Totals:
    """Sums by role of one version."""

    by_role: dict[RoleKey, int] = field(default_factory=dict)

    def add(self, lines: Iterable[RuledLine]) -> None:
        """Counts an event's lines."""
        for line in lines:
            self.by_role[line.key] = self.by_role.get(line.key, 0) + line.amount


@dataclass
class RuleComparison:
    """Counts and shows what differs."""

    in_force: Callable[[date], RuleSet]
    proposed: RuleSet
    before: Totals = field(default_factory=Totals)
    after: Totals = field(default_factory=Totals)
    event_count: int = 0
    differing_count: int = 0
    refused_count: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list)

    def add(self, event: StoredEvent) -> None:
        """Evaluates one event under both. An event the version in force refuses, too, does not
        count: it was posted by an older one."""
        self.event_count += 1
        try:
            before = ruled_lines(self.in_force(event.original_date), event)
        except DomainError:
            before = []
        try:
            after, refusal = ruled_lines(self.proposed, event), ""
        except DomainError as error:
            after, refusal = [], str(error)
        self.before.add(before)
        self.after.add(after)
        self.refused_count += bool(refusal)
        same = sorted(x.compared for x in before) == sorted(x.compared for x in after)
        if not same or refusal:
            self.differing_count += 1
            self._show(event, refusal, before, after)

    def _show(
        self, event: StoredEvent, refusal: str, before: list[RuledLine], after: list[RuledLine]
    ) -> None:
        if len(self.shown) < EVENTS_SHOWN_MAX:
            self.shown.append(
                {
                    "event_key": event.key,
                    "event_type": event.type,
                    "refusal": refusal,
                    "before": [line.shown() for line in before[:LINES_SHOWN_MAX]],
                    "after": [line.shown() for line in after[:LINES_SHOWN_MAX]],
                }
            )

    def result(self) -> dict[str, Any]:
        """The evidence, as it is kept with the version."""
        keys = sorted({*self.before.by_role, *self.after.by_role})
        rows = [(k, self.before.by_role.get(k, 0), self.after.by_role.get(k, 0)) for k in keys]
        return {
            "event_count": self.event_count,
            "differing_count": self.differing_count,
            "refused_count": self.refused_count,
            "roles": [[*key, before, after] for key, before, after in rows if before != after],
            "events": self.shown,
        }
