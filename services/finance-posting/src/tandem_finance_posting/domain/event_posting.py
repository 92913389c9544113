"""One event on its way into the books: gates, what it takes back, cost, rules, what follows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tandem_core.ids import deterministic_id

from tandem_finance_posting.domain.currency_rates import MonetaryItem
from tandem_finance_posting.domain.errors import FinanceFactInvalid, ReversalRefused
from tandem_finance_posting.domain.event_type import OWN_DAY, VOIDS, EventType
from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.finance_event import (
    ENTITY_UNKNOWN,
    LINE_UNMAPPED,
    PREDECESSOR_MISSING,
    RATE_UNKNOWN,
    TAX_NOT_FINAL,
    FinanceEvent,
    Hold,
)
from tandem_finance_posting.domain.functional_amounts import ForeignLedger
from tandem_finance_posting.domain.journal import (
    Journal,
    JournalLine,
    journal_id,
    rule_lines,
)
from tandem_finance_posting.domain.open_items import OpenItems
from tandem_finance_posting.domain.order_movement import DEPOSIT, RECEIVABLE, order_movement
from tandem_finance_posting.domain.posting_rule import PostingRule
from tandem_finance_posting.domain.posting_state import OrderKey, PostingState
from tandem_finance_posting.domain.reversal import (
    HELD,
    NOT_POSTABLE,
    POSTED,
    REVERSED,
    SUPERSEDED,
    Prior,
    mirror,
)
from tandem_finance_posting.domain.rule_set import RuleSet

REFUND_LIMIT = "refund_limit"
"""Policy: refunds of an order up to what was paid for it, or without limit."""
DEPOSIT_APPLIED = "deposit.applied"


@dataclass(frozen=True)
class Posted:
    """What an event led to: its journals, the facts with stamped costs, and what became of others.

    ``state`` is POSTED, NOT_POSTABLE (understood, no entry) or SUPERSEDED (a later revision was
    there first).
    """

    journals: tuple[Journal, ...]
    facts: Facts
    state: str = POSTED
    rule_set: str = ""
    changed: tuple[tuple[str, str], ...] = ()
    """Keys and new states of events this one undid or replaced."""


@dataclass
class Posting:
    """One event on its way through the book."""

    state: PostingState
    event: FinanceEvent
    rules: RuleSet
    declared: EventType
    facts: dict[str, Any]
    journals: list[Journal] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    generation: int = 1

    def run(self) -> Posted | Hold:
        """Gates, what it undoes, cost, rules, what follows for the order."""
        if (self.event.tenant, self.event.key) in self.state.prior:
            prior = self.state.prior[self.event.tenant, self.event.key]
            if prior.state == SUPERSEDED:
                return Posted((), self.facts, SUPERSEDED, self.rules.label)
        hold = self._gate() or self._undo_earlier()
        if hold is not None:
            return hold
        hold = self._stamp_cost()
        if hold is not None:
            return hold
        hold = self._follow_rules() or self._apply_deposit()
        if hold is not None:
            return hold
        return self._posted()

    def _stamp_cost(self) -> Hold | None:
        if not self.declared.cost:
            self.state.cost.released(self.event)
            return None
        hold = self.state.cost.gate(self.event, self.declared.cost)
        if hold is None:
            self.facts.update(self.state.cost.stamp(self.event, self.declared.cost))
        return hold

    def _follow_rules(self) -> Hold | None:
        for slot_book, rule in self.rules.rules_for(
            self.event.type, self.event.legal_entity, self.facts
        ):
            hold = self._journal(slot_book, rule)
            if hold is not None:
                return hold
        return None

    def _posted(self) -> Posted:
        own = [x for x in self.journals if x.event.type != DEPOSIT_APPLIED]
        if len(own) > 1:
            link = deterministic_id("link", self.event.tenant, self.event.key)
            self.journals = [replace(x, link_id=link) if x in own else x for x in self.journals]
        journals = tuple(self.journals)
        state = POSTED if journals or self.changed else NOT_POSTABLE
        made = tuple(x for x in journals if x.event.key == self.event.key and not x.reverses)
        key = (self.event.tenant, self.event.key)
        self.state.prior[key] = Prior(self.event, state, self.facts, made, self.rules.label)
        return Posted(journals, self.facts, state, self.rules.label, tuple(self.changed))

    def _gate(self) -> Hold | None:
        self._check_order_currency()
        if self.rules.entity(self.event.legal_entity) is None:
            detail = f"legal entity {self.event.legal_entity} is not in {self.rules.label}"
            return Hold(ENTITY_UNKNOWN, detail)
        unmapped = self.declared.unmapped(self.facts)
        if unmapped:
            return Hold(LINE_UNMAPPED, f"no row of {self.rules.label} maps {unmapped}")
        if "tax_final" in self.declared.require and self.facts.get("tax_state") == "estimated":
            return Hold(TAX_NOT_FINAL, "the tax is an estimate")
        return None

    def _check_order_currency(self) -> None:
        """An order has one currency: a payment in another would be applied to a receivable it does
        not pay."""
        key = (self.event.tenant, self.event.order_id)
        known = self.state.open_items.get(key, OpenItems()).currency_code
        if known in ("", self.event.currency_code):
            return
        slots = self.rules.by_slot.get(self.event.type, {})
        roles = {line.role for found in slots.values() for rule in found for line in rule.lines}
        if roles & {RECEIVABLE, DEPOSIT}:
            raise FinanceFactInvalid("currency_code", self.event.type)

    # What the event takes back: an earlier revision of itself, or the event it voids.

    def _undo_earlier(self) -> Hold | None:
        if self.declared.reverses:
            return self._void(str(self.facts[VOIDS]))
        for revision in range(self.event.revision - 1, 0, -1):
            key = (self.event.tenant, self.event.key_of(revision))
            prior = self.state.prior.get(key)
            if prior is not None and prior.state == POSTED:
                hold = self._undo(prior, SUPERSEDED)
                if hold is not None:
                    return hold
            elif prior is None or prior.state != REVERSED:
                # An earlier revision that comes after this one must find that it is too late.
                self.state.prior[key] = Prior(self._revision(revision), SUPERSEDED, {})
                self.changed.append((key[1], SUPERSEDED))
        return None

    def _revision(self, revision: int) -> FinanceEvent:
        return replace(self.event, revision=revision, facts={})

    def _void(self, key: str) -> Hold | None:
        prior = self.state.prior.get((self.event.tenant, key))
        if prior is None or prior.state == HELD:
            return Hold(PREDECESSOR_MISSING, f"{key}, which it undoes, is not posted")
        if prior.state != POSTED:
            raise ReversalRefused(key, f"is {prior.state.lower()} already")
        if prior.event.order_id != self.event.order_id:
            raise FinanceFactInvalid("order_id", self.event.type)
        return self._undo(prior, REVERSED)

    def _undo(self, prior: Prior, state: str) -> Hold | None:
        rules = self._made_by(prior)
        declared = rules.event_type(prior.event.type)
        self.state.cost.undo(prior.event, declared.cost, prior.facts)
        hold = self._take_back(prior, rules)
        if hold is not None:
            return hold
        self.state.prior[prior.event.tenant, prior.event.key] = replace(prior, state=state)
        self.changed.append((prior.event.key, state))
        return None

    def _take_back(self, prior: Prior, rules: RuleSet) -> Hold | None:
        own_day = self.declared.reverses == OWN_DAY
        for journal in prior.journals:
            counted = self.event.original_date if own_day else journal.accounting_date
            ledger = (journal.legal_entity, journal.book)
            placement = self.state.place(self.event, ledger, counted)
            if isinstance(placement, Hold):
                return placement
            day = self.event.original_date if own_day else journal.event.original_date
            mirrored = mirror(journal, self.event, placement, day)
            self._take_back_items(mirrored, rules, prior.facts)
            self.journals.append(mirrored)
        return None

    def repost(self, prior: Prior) -> Posted | Hold:
        """Posts the event anew under the rules in force now: generation g is taken back, g + 1 is
        posted. What moved in the cost sub-ledger stays as it was stamped."""
        hold = self._take_back(prior, self._made_by(prior))
        if hold is not None:
            return hold
        self.generation = max((x.generation for x in prior.journals), default=1) + 1
        hold = self._follow_rules() or self._apply_deposit()
        if hold is not None:
            return hold
        return self._posted()

    def _made_by(self, prior: Prior) -> RuleSet:
        return self.state.catalogues[prior.event.tenant].labelled(prior.rule_set) or self.rules

    def _take_back_items(self, mirrored: Journal, rules: RuleSet, facts: Facts) -> None:
        for line in mirrored.lines:
            code = line.currency_code or mirrored.event.currency_code
            name = rules.roles[line.role].item if line.role in rules.roles else None
            if name is None or code == mirrored.functional_currency_code or not line.amount:
                continue
            item = str(facts.get(name, "")) or (
                mirrored.event.order_id if name == "order_id" else ""
            )
            tenant = mirrored.event.tenant
            key = (tenant, mirrored.legal_entity, mirrored.book, line.role, code, item)
            before = self.state.fx_items.get(key, MonetaryItem())
            self.state.fx_items[key] = MonetaryItem(
                before.amount + line.amount * line.side.sign,
                before.functional + line.functional * line.side.sign,
            )

    # What the rules make of it.

    def _journal(self, book: str, rule: PostingRule) -> Hold | None:
        made = self._made(self.event, book, rule, self.facts)
        if isinstance(made, Hold):
            return made
        if made is not None:
            self.journals.append(made)
        return None

    def _made(
        self, event: FinanceEvent, book: str, rule: PostingRule, facts: Facts
    ) -> Journal | Hold | None:
        lines = rule_lines(rule, facts)
        if not lines:
            return None
        for line in lines:
            if line.role not in self.rules.roles:
                raise FinanceFactInvalid(f"role {line.role}", event.type)
        entity = str(facts[rule.entity]) if rule.entity else event.legal_entity
        known = self.rules.entity(entity)
        if known is None:
            return Hold(ENTITY_UNKNOWN, f"legal entity {entity} is not in {self.rules.label}")
        placement = self.state.place(event, (entity, book), event.original_date)
        if isinstance(placement, Hold):
            return placement
        code = known.currency_code or event.currency_code
        if any((line.currency_code or event.currency_code) != code for line in lines):
            converted = self._in_books(event, (entity, book, code), rule, (lines, facts))
            if isinstance(converted, Hold):
                return converted
            lines = converted
        generation = self.generation if event.type == self.event.type else 1
        return Journal(
            id=journal_id(event, book, rule.purpose, generation),
            event=event,
            purpose=rule.purpose,
            rule_set=self.rules.label,
            rule_id=rule.id,
            lines=lines,
            legal_entity=entity,
            accounting_date=placement.accounting_date,
            functional_currency_code=code,
            book=book,
            generation=generation,
            late_reason=placement.late_reason,
            approvals=event.approvals,
        )

    def _in_books(
        self,
        event: FinanceEvent,
        where: tuple[str, str, str],
        rule: PostingRule,
        made: tuple[tuple[JournalLine, ...], Facts],
    ) -> tuple[JournalLine, ...] | Hold:
        entity, book, code = where
        lines, facts = made
        for line in lines:
            found = line.currency_code or event.currency_code
            if found != code and self.state.rate(event, found, code) is None:
                return Hold(RATE_UNKNOWN, f"no rate {found} to {code} on {event.original_date}")
        order = (event.tenant, event.order_id)
        items = self.state.open_items.get(order, OpenItems())
        ledger = ForeignLedger(
            event=event,
            entity=entity,
            book=book,
            currency_code=code,
            rate=lambda found: self.state.rate(event, found, code),
            order_rate=items.rate_nano,
            items=self.state.fx_items,
        )
        return ledger.in_books(lines, rule, self.rules, {"order_id": event.order_id, **facts})

    # What follows for the order.

    def _apply_deposit(self) -> Hold | None:
        moved = order_movement(self.journals)
        if not self.event.order_id or not any(moved):
            return None
        key = (self.event.tenant, self.event.order_id)
        items = self._of_order(key).changed(moved)
        over = items.refunded - items.paid
        if moved.refunded > 0 and over > 0 and self.facts.get(REFUND_LIMIT) == "paid":
            detail = f"refunds of order {self.event.order_id} are {over} above what was paid"
            return Hold(PREDECESSOR_MISSING, detail)
        if items.applicable:
            amount, items = items.applicable, items.with_application()
            self.state.open_items[key] = items
            return self._derive(_application(self.event, items.applications), amount)
        self.state.open_items[key] = items
        return None

    def _of_order(self, key: OrderKey) -> OpenItems:
        """The order's sums, with the rate of its earliest day in foreign currency."""
        items = self.state.open_items.get(key, OpenItems())
        if not items.currency_code:
            items = replace(items, currency_code=self.event.currency_code)
        known = self.rules.entity(self.event.legal_entity)
        code = known.currency_code if known else ""
        if code and code != self.event.currency_code:
            rate = self.state.rate(self.event, self.event.currency_code, code)
            items = items.first_rate(self.event.original_date, rate or 0)
        return items

    def _derive(self, event: FinanceEvent, amount: int) -> Hold | None:
        declared = self.rules.event_type(DEPOSIT_APPLIED)
        facts = {
            **declared.checked({"amount": amount}),
            **self.rules.policy_facts(event.legal_entity),
        }
        for book, rule in self.rules.rules_for(DEPOSIT_APPLIED, event.legal_entity, facts):
            made = self._made(event, book, rule, facts)
            if isinstance(made, Hold):
                return made
            if made is not None:
                self.journals.append(made)
        return None


def _application(event: FinanceEvent, number: int) -> FinanceEvent:
    """The derived event: its key counts applications of the order, so a replay makes the same."""
    return replace(
        event,
        source_system="finance-posting",
        type=DEPOSIT_APPLIED,
        id=f"{event.order_id}:{number}",
        revision=1,
        facts={},
    )
