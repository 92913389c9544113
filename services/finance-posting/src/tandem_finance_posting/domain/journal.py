"""Journals: what a rule makes of an event's facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from tandem_core.ids import deterministic_id

from tandem_finance_posting.domain.approval import Approval
from tandem_finance_posting.domain.errors import FinanceFactInvalid, JournalUnbalanced
from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.posting_rule import PostingRule, RuleLine, RuleSet, Side

BOOK = "MAIN"
AMOUNT_MINOR_MAX = 10**15
"""Of one line: sums of very many lines still fit into 64 bits."""


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
        return sum(x.amount * x.side.sign for x in self.lines if x.role == role)


def journal_id(event: FinanceEvent, book: str, purpose: str, generation: int) -> str:
    """At most one journal per event key, book, purpose and generation, by its id."""
    return deterministic_id("journal", event.tenant, event.key, book, purpose, str(generation))


def make_journal(event: FinanceEvent, facts: Facts, rules: RuleSet) -> Journal | None:
    """The journal of an event; None when every amount is 0.

    Raises PostingRuleMissing, FinanceFactInvalid, JournalUnbalanced.
    """
    rule = rules.rule_for(event.type, facts)
    lines = tuple(evaluated_lines(rule, facts))
    difference = sum(line.amount * line.side.sign for line in lines)
    if difference:
        # The proof at load covers sums; this covers facts that are not what the rule declares.
        raise JournalUnbalanced(rule.id, difference)
    if not lines:
        return None
    return Journal(
        id=journal_id(event, BOOK, rule.purpose, 1),
        event=event,
        purpose=rule.purpose,
        rule_set=rules.label,
        rule_id=rule.id,
        lines=lines,
        legal_entity=event.legal_entity,
        accounting_date=event.original_date,
        functional_currency_code=event.currency_code,
    )


def evaluated_lines(rule: PostingRule, facts: Facts) -> Iterable[JournalLine]:
    """The rule's lines in order; zero amounts make none, negative ones change side.

    Raises FinanceFactInvalid for a fact that is missing, of another type or too large.
    """
    for line, amount, item_facts in applications(rule, facts):
        side = line.side if amount > 0 else line.side.other
        dimensions = {n: str(item_facts[n]) for n in line.dimensions if n in item_facts}
        yield JournalLine(line.role, side, abs(amount), dimensions, line.id)


def applications(rule: PostingRule, facts: Facts) -> Iterable[tuple[RuleLine, int, Facts]]:
    """Each use of a rule line that has an amount: line, amount, facts used."""
    for line in rule.lines:
        for item_facts in _scopes(line, facts):
            amount = line.amount.amount(item_facts)
            if abs(amount) > AMOUNT_MINOR_MAX:
                raise FinanceFactInvalid(line.amount.text, rule.event_type)
            if amount:
                yield line, amount, item_facts


def _scopes(line: RuleLine, facts: Facts) -> Iterable[Facts]:
    """The facts a line is evaluated on: the event's, or each item's over the event's."""
    if not line.each:
        return [facts]
    items = facts.get(line.each)
    if not isinstance(items, (list, tuple)):
        raise FinanceFactInvalid(line.each)
    return [_merged(facts, item, line.each) for item in items]


def _merged(facts: Facts, item: object, name: str) -> Facts:
    if not isinstance(item, Mapping):
        raise FinanceFactInvalid(name)
    return {**facts, **item}
