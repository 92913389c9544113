"""Explains a journal: each line's expression, its values, and what it evaluates to now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.journal import evaluated_lines
from tandem_finance_posting.domain.posting_rule import PostingRule


@dataclass(frozen=True)
class StoredLine:
    """A line as it is in the books."""

    number: int
    role: str
    side: str
    amount: int


@dataclass(frozen=True)
class ExplainedLine:
    """Why a line has its amount."""

    number: int
    role: str
    expression: str
    values: Mapping[str, Any]
    evaluated: int
    agrees: bool


def explain(rule: PostingRule, facts: Facts, stored: Sequence[StoredLine]) -> list[ExplainedLine]:
    """One explanation for each stored line, in order; a line the rule no longer makes disagrees."""
    made = list(evaluated_lines(rule, facts))
    by_id = {line.id: line for line in rule.lines}
    explained = []
    for place, line in enumerate(stored):
        now = made[place] if place < len(made) else None
        source = by_id[now.rule_line] if now else None
        agrees = now is not None and (now.role, now.side.value, now.amount) == (
            line.role,
            line.side,
            line.amount,
        )
        names = sorted(source.amount.names) if source else []
        explained.append(
            ExplainedLine(
                number=line.number,
                role=line.role,
                expression=source.amount.text if source else "",
                values={name: _value(name, facts) for name in names},
                evaluated=now.amount if now else 0,
                agrees=agrees,
            )
        )
    return explained


def _value(name: str, facts: Facts) -> Any:
    """A scalar fact, or a list's field over all its items."""
    head, _, field = name.partition(".")
    value = facts.get(head)
    if field and isinstance(value, (list, tuple)):
        return [item.get(field) for item in value]
    return value
