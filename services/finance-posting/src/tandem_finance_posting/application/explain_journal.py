"""Explains a journal: each line's expression, its values, and what it evaluates to now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.journal import applications, evaluated_lines
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
    lines = list(evaluated_lines(rule, facts))
    sources = list(applications(rule, facts))
    explained = []
    for place, line in enumerate(stored):
        if place >= len(lines):
            explained.append(ExplainedLine(line.number, line.role, "", {}, 0, agrees=False))
            continue
        now, (source, _, used) = lines[place], sources[place]
        found = (now.role, now.side.value, now.amount)
        explained.append(
            ExplainedLine(
                number=line.number,
                role=line.role,
                expression=source.amount.text,
                values={name: _value(name, used) for name in sorted(source.amount.names)},
                evaluated=now.amount,
                agrees=found == (line.role, line.side, line.amount) and len(lines) == len(stored),
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
