"""Explains a journal: each line's expression, its values, and what it evaluates to now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.functional_amounts import REALISED
from tandem_finance_posting.domain.journal import ROUNDING, applications, evaluated_lines
from tandem_finance_posting.domain.posting_rule import PostingRule, Side

DIFFERENCE = "what the other lines lack in the currency of the books"
DIFFERENCES = (REALISED.lower(), ROUNDING.lower())
"""Rule lines of differences that conversion adds; no rule has a line of that name."""


@dataclass(frozen=True)
class StoredLine:
    """A line as it is in the books; amounts in minor units."""

    number: int
    role: str
    side: str
    amount: int
    functional: int
    rule_line: str

    @property
    def in_books(self) -> int:
        """Signed functional amount, debit positive."""
        return self.functional * Side(self.side).sign


@dataclass(frozen=True)
class ExplainedLine:
    """Why a line has its amount."""

    number: int
    role: str
    expression: str
    values: Mapping[str, Any]
    evaluated: int
    agrees: bool


def explain(
    rule: PostingRule, facts: Facts, stored: Sequence[StoredLine], *, mirrored: bool = False
) -> list[ExplainedLine]:
    """One explanation for each stored line, in order; a line the rule no longer makes disagrees.
    ``mirrored``: the journal takes back what the rule made of the facts."""
    ruled = [line for line in stored if not _is_difference(line)]
    lines, sources = list(evaluated_lines(rule, facts)), list(applications(rule, facts))
    explained = {}
    for place, line in enumerate(ruled):
        if place >= len(lines):
            explained[line.number] = ExplainedLine(line.number, line.role, "", {}, 0, agrees=False)
            continue
        now, (source, _, used) = lines[place], sources[place]
        side = now.side.other if mirrored else now.side
        same = (now.role, side.value, now.amount) == (line.role, line.side, line.amount)
        explained[line.number] = ExplainedLine(
            number=line.number,
            role=line.role,
            expression=source.amount.text,
            values={name: _value(name, used) for name in sorted(source.amount.names)},
            evaluated=now.amount or now.functional,
            agrees=same and len(lines) == len(ruled),
        )
    left = sum(line.in_books for line in stored)
    for line in stored:
        if _is_difference(line):
            explained[line.number] = _difference(line, left)
    return [explained[line.number] for line in stored]


def _is_difference(line: StoredLine) -> bool:
    return line.amount == 0 and line.rule_line in DIFFERENCES


def _difference(line: StoredLine, left: int) -> ExplainedLine:
    """Differences close the journal in the currency of the books: then nothing is left over."""
    return ExplainedLine(
        line.number, line.role, DIFFERENCE, {"left": left}, line.functional, agrees=left == 0
    )


def _value(name: str, facts: Facts) -> Any:
    """A scalar fact, or a list's field over all its items."""
    head, _, field = name.partition(".")
    value = facts.get(head)
    if field and isinstance(value, (list, tuple)):
        return [item.get(field) for item in value]
    return value
