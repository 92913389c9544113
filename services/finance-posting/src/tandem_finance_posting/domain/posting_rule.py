"""Posting rules: which lines follow from an event. What proves them stands in `rule_proof`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tandem_finance_posting.domain.expression import Expression, Facts

MAIN = "MAIN"
MEMO = "MEMO"
"""Book of what is promised and not yet in the ledger; it balances and is never exported."""
PRIMARY = "primary"


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
    """One line of a rule. ``each`` names a list of the facts: one journal line per record."""

    id: str
    side: Side
    role: str
    amount: Expression
    each: str = ""
    dimensions: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    """Dimensions the rule itself gives, for example that a receivable is billed."""
    when: Expression | None = None
    """Enumerated facts only, or ``x > 0`` on the amount x itself."""
    currency: str = ""
    """Text fact with the line's currency; empty: the event's."""
    functional_only: bool = False
    """The amount counts in the entity's own currency alone: a difference of rates."""
    order_rate: bool = False
    """Converted at the rate of the order's first entry: a refund takes back what was booked."""
    role_fact: str = ""
    """Text fact of the record that names the role, in a free-form rule."""


@dataclass(frozen=True)
class RuleTest:
    """An example the rule must give: balances by role, debit positive."""

    name: str
    facts: Facts
    expect: Mapping[str, int]


@dataclass(frozen=True)
class Rounding:
    """How large a ROUNDING line of the rule may be, in minor units (rounding rule R4)."""

    per_source_line: int = 1
    total: int = 5


@dataclass(frozen=True)
class PostingRule:
    """A rule of the catalogue. Without lines it says that an event makes no entry."""

    id: str
    event_type: str
    title: str
    lines: tuple[RuleLine, ...]
    when: Expression | None = None
    books: tuple[str, ...] = (MAIN,)
    purpose: str = PRIMARY
    entity: str = ""
    """Text fact that names the legal entity posted in; empty: the event's."""
    rounding: Rounding = Rounding()
    free_form: bool = False
    """Its lines come as facts, proposed and approved by people: balance and roles are checked when
    it posts, for they cannot be proved before."""
    tests: tuple[RuleTest, ...] = ()

    def applies(self, facts: Facts) -> bool:
        """True when the rule's condition holds."""
        return self.when is None or self.when.holds(facts)
