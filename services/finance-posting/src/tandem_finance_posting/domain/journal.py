"""Journals: what a rule makes of an event's facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from tandem_core.ids import deterministic_id

from tandem_finance_posting.domain.approval import Approval
from tandem_finance_posting.domain.errors import (
    FinanceFactInvalid,
    JournalUnbalanced,
    RoundingExcess,
)
from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.fact_types import AMOUNT_MINOR_MAX
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.posting_rule import MAIN, PostingRule, RuleLine, Side

BOOK = MAIN
ROUNDING = "ROUNDING"
REVERSAL = "reversal:"


@dataclass(frozen=True)
class JournalLine:
    """One line. ``amount`` is in minor units of ``currency_code`` (empty: the journal's),
    ``functional`` in those of the entity's own currency; neither is negative, one is positive: a
    line that books a rate difference has only the latter."""

    role: str
    side: Side
    amount: int
    dimensions: Mapping[str, str]
    rule_line: str
    functional: int = -1
    currency_code: str = ""

    def __post_init__(self) -> None:
        if self.functional < 0:
            object.__setattr__(self, "functional", self.amount)

    def mirrored(self) -> JournalLine:
        """The same line on the other side."""
        return replace(self, side=self.side.other)


@dataclass(frozen=True)
class Journal:
    """A balanced set of lines. ``id`` follows from event key, book, purpose and generation.

    ``event.original_date`` is when it happened, ``accounting_date`` the day it counts in the books.
    """

    id: str
    event: FinanceEvent
    purpose: str
    rule_set: str
    rule_id: str
    lines: tuple[JournalLine, ...]
    legal_entity: str
    accounting_date: date
    functional_currency_code: str
    book: str = BOOK
    generation: int = 1
    link_id: str = ""
    """Joins the journals of one business fact: both entities of a sale between them, a reversal
    with what replaces it."""
    reverses: str = ""
    """Id of the journal it mirrors."""
    late_reason: str = ""
    """Why it counts on another day than it happened; empty when it does not."""
    approvals: tuple[Approval, ...] = ()
    """Who proposed and who approved it; empty for one made by a rule alone."""

    def balance(self, role: str) -> int:
        """Debits less credits of one role, in the currency of the event."""
        return sum(
            x.amount * x.side.sign for x in self.lines if x.role == role and not x.currency_code
        )


def journal_id(event: FinanceEvent, book: str, purpose: str, generation: int) -> str:
    """At most one journal per event key, book, purpose and generation, by its id."""
    return deterministic_id("journal", event.tenant, event.key, book, purpose, str(generation))


def rule_lines(rule: PostingRule, facts: Facts) -> tuple[JournalLine, ...]:
    """The lines a rule makes of facts, in the currencies of the transaction.

    Raises FinanceFactInvalid, JournalUnbalanced, RoundingExcess.
    """
    lines = tuple(evaluated_lines(rule, facts))
    totals: dict[str, int] = {}
    for line in lines:
        # A difference of rates has no amount in a currency of the transaction.
        code, amount = (line.currency_code, line.amount) if line.amount else ("*", line.functional)
        totals[code] = totals.get(code, 0) + amount * line.side.sign
    for difference in totals.values():
        if difference:
            # The proof at load covers every branch of declared facts; free-form lines and whatever
            # the proof could not see are stopped here.
            raise JournalUnbalanced(rule.id, difference)
    _check_rounding(rule, lines)
    return lines


def _check_rounding(rule: PostingRule, lines: tuple[JournalLine, ...]) -> None:
    residual = sum(line.amount for line in lines if line.role == ROUNDING)
    others = sum(1 for line in lines if line.role != ROUNDING)
    cap = min(rule.rounding.total, rule.rounding.per_source_line * others)
    if residual > cap:
        raise RoundingExcess(rule.id, residual, cap)


def evaluated_lines(rule: PostingRule, facts: Facts) -> Iterable[JournalLine]:
    """The rule's lines in order; zero amounts make none, negative ones change side.

    Raises FinanceFactInvalid for a fact that is missing, of another type or too large.
    """
    for line, amount, item_facts in applications(rule, facts):
        yield JournalLine(
            role=_text(line.role_fact, item_facts) if line.role_fact else line.role,
            side=line.side if amount > 0 else line.side.other,
            amount=0 if line.functional_only else abs(amount),
            dimensions=_dimensions(line, item_facts),
            rule_line=line.id,
            functional=abs(amount),
            currency_code=str(item_facts.get(line.currency, "")) if line.currency else "",
        )


def _dimensions(line: RuleLine, facts: Facts) -> dict[str, str]:
    """Dimensions with a value: an empty one says nothing and would split balances."""
    named = {
        name: str(facts[name]) for name in line.dimensions if facts.get(name) not in (None, "")
    }
    return {**named, **line.tags}


def _text(name: str, facts: Facts) -> str:
    value = facts.get(name)
    if not isinstance(value, str) or not value:
        raise FinanceFactInvalid(name)
    return value


def applications(rule: PostingRule, facts: Facts) -> Iterable[tuple[RuleLine, int, Facts]]:
    """Each use of a rule line that has an amount: line, amount, facts used."""
    scopes: dict[str, list[Facts]] = {"": [facts]}
    for line in rule.lines:
        if line.each not in scopes:
            scopes[line.each] = _records(line.each, facts)
        for item_facts in scopes[line.each]:
            if line.when is not None and not line.when.holds(item_facts):
                continue
            amount = line.amount.amount(item_facts)
            if abs(amount) > AMOUNT_MINOR_MAX:
                raise FinanceFactInvalid(line.amount.text, rule.event_type)
            if amount:
                yield line, amount, item_facts


def _records(name: str, facts: Facts) -> list[Facts]:
    """The facts a line over a list is evaluated on: each record's over the event's."""
    items = facts.get(name)
    if not isinstance(items, (list, tuple)):
        raise FinanceFactInvalid(name)
    return [_merged(facts, item, name) for item in items]


def _merged(facts: Facts, item: object, name: str) -> Facts:
    if not isinstance(item, Mapping):
        raise FinanceFactInvalid(name)
    return {**facts, **item}
