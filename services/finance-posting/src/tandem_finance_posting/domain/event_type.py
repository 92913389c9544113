"""What a rule set knows of one type of finance event: its facts, cost moves and gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tandem_finance_posting.domain.cost_move import CostMove
from tandem_finance_posting.domain.fact_types import FactType, checked_facts

VOIDS = "voids"
"""Fact that names the event key undone by an event of a type that reverses."""
ORIGINAL_DAY = "original_day"
OWN_DAY = "own_day"


@dataclass(frozen=True)
class Classification:
    """How texts of an outside system become an enumerated fact; the first row that fits wins."""

    fact: str
    by: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], str], ...]

    def of(self, facts: Mapping[str, Any]) -> str:
        """The value for these facts; empty when no row fits."""
        wanted = tuple(str(facts[name]) for name in self.by)
        for pattern, value in self.rows:
            if all(p in ("*", w) for p, w in zip(pattern, wanted, strict=True)):
                return value
        return ""


@dataclass(frozen=True)
class EventType:
    """Facts come from outside and are checked; stamped ones are added by the cost sub-ledger."""

    name: str
    title: str
    facts: Mapping[str, FactType]
    stamped: Mapping[str, FactType] = field(default_factory=dict)
    cost: tuple[CostMove, ...] = ()
    require: tuple[str, ...] = ()
    """Named gates: ``tax_final``."""
    classify: Classification | None = None
    reverses: str = ""
    """ORIGINAL_DAY or OWN_DAY: an event of this type undoes the one its fact ``voids`` names, on
    the day of what it undoes or on its own. Empty: it undoes nothing."""

    @property
    def known(self) -> dict[str, FactType]:
        """All facts a rule of this type may name."""
        return {**self.facts, **self.stamped}

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The facts with defaults. Raises FinanceFactInvalid naming the fact."""
        facts = checked_facts(given, self.facts)
        if self.classify is not None and self.classify.fact not in given:
            facts[self.classify.fact] = self.classify.of(facts)
        return facts

    def unmapped(self, facts: Mapping[str, Any]) -> str:
        """The texts no row of the classification fits; empty when all is known."""
        if self.classify is None or facts[self.classify.fact]:
            return ""
        return " / ".join(str(facts[name]) for name in self.classify.by)
