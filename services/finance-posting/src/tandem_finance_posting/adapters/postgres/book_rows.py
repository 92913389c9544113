"""A posting book from its tables and back: everything locked in one order, written set-based.

Calendars first, then orders, earlier events, foreign items and goods: the same everywhere, so that
two batches never wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres import (
    cost_rows,
    currency_rows,
    order_rows,
    period_rows,
    prior_rows,
)
from tandem_finance_posting.domain.cost_ledger import CostNeeds, needs
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.currency_rates import MonetaryItem, RateTable
from tandem_finance_posting.domain.entity_currency import EntityCurrency
from tandem_finance_posting.domain.errors import PostingRuleMissing
from tandem_finance_posting.domain.event_type import VOIDS
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.functional_amounts import ItemKey
from tandem_finance_posting.domain.open_items import OpenItems
from tandem_finance_posting.domain.overlay import Overlay
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.posting_rule import PostingRule
from tandem_finance_posting.domain.posting_state import EventKey, LedgerKey, OrderKey
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_set import RuleSet


@dataclass
class OpenBook:
    """A book and what it was loaded with, to write only what changed."""

    book: PostingBook
    items_before: dict[OrderKey, OpenItems]
    fx_before: dict[ItemKey, MonetaryItem]


async def open_book(
    connection: AsyncConnection,
    events: Sequence[FinanceEvent],
    catalogues: dict[str, RuleCatalogue],
    today: date,
    again: Iterable[EventKey] = (),
) -> OpenBook:
    """The state the events touch, and that of events to be posted ``again``, locked."""
    keys = {*_prior_keys(events, catalogues), *again}
    ledgers = _ledgers(events, catalogues) | await prior_rows.ledgers(connection, keys)
    calendars = await period_rows.load_calendars(connection, ledgers)
    orders = {(event.tenant, event.order_id) for event in events if event.order_id}
    moved = _cost_needs(events, catalogues)
    orders |= await prior_rows.orders(connection, keys) | moved.orders
    items = await order_rows.load(connection, orders)
    prior = await prior_rows.load(connection, keys)
    everyone = [*events, *(found.event for found in prior.values())]
    fx_items, rates = await _foreign(connection, everyone, catalogues)
    policies = {tenant: known.in_force(today).policies for tenant, known in catalogues.items()}
    ledger = await cost_rows.load(
        connection,
        moved | _cost_needs([found.event for found in prior.values()], catalogues),
        CostPolicy(policies),
        EntityCurrency(catalogues, rates),
    )
    book = PostingBook(
        catalogues=catalogues,
        today=today,
        cost=ledger,
        open_items=items,
        fx_items=fx_items,
        prior=prior,
        calendars=calendars,
        rates=rates,
    )
    return OpenBook(book, dict(items), dict(fx_items))


async def save_book(connection: AsyncConnection, opened: OpenBook) -> None:
    """Writes what the events changed."""
    await cost_rows.save(connection, opened.book.cost)
    await order_rows.save(connection, opened.book.open_items, opened.items_before)
    await currency_rows.save_items(connection, opened.book.fx_items, opened.fx_before)


def _rules(event: FinanceEvent, catalogues: dict[str, RuleCatalogue]) -> RuleSet | None:
    """The event's rules; None for an event no rule set is for, which posting refuses."""
    try:
        return catalogues[event.tenant].in_force(event.original_date)
    except PostingRuleMissing:
        return None


def _prior_keys(
    events: Iterable[FinanceEvent], catalogues: dict[str, RuleCatalogue]
) -> Iterable[EventKey]:
    for event in events:
        for revision in range(1, event.revision):
            yield event.tenant, event.key_of(revision)
        rules = _rules(event, catalogues)
        declared = rules.event_types.get(event.type) if rules else None
        voided = event.facts.get(VOIDS)
        if declared is not None and declared.reverses and isinstance(voided, str):
            yield event.tenant, voided


def _cost_needs(events: Iterable[FinanceEvent], catalogues: dict[str, RuleCatalogue]) -> CostNeeds:
    """What the events move, and the keys under which some of them may be held. Most events move no
    goods: they only add to two sets."""
    moved: list[CostNeeds] = []
    orders: set[OrderKey] = set()
    keys: set[EventKey] = set()
    for event in events:
        rules = _rules(event, catalogues)
        declared = rules.event_types.get(event.type) if rules else None
        if declared is None:
            continue
        if declared.cost:
            moved.append(needs(event, declared.cost))
        keys.add((event.tenant, event.key))
        if event.order_id:
            orders.add((event.tenant, event.order_id))
    return CostNeeds.of_all([*moved, CostNeeds(orders=frozenset(orders), events=frozenset(keys))])


def _ledgers(
    events: Iterable[FinanceEvent], catalogues: dict[str, RuleCatalogue]
) -> set[LedgerKey]:
    """Ledgers the events may post in: their entity's and their partners', in every book."""
    found: set[LedgerKey] = set()
    seen: set[tuple[str, str, str, date]] = set()
    for event in events:
        alike = (event.tenant, event.type, event.legal_entity, event.original_date)
        partners = _partners(event, catalogues)
        found.update((event.tenant, partner, book) for partner, book in partners)
        if alike not in seen:
            seen.add(alike)
            books = {book for book, _ in _slots(event, catalogues)}
            found.update((event.tenant, event.legal_entity, book) for book in books)
    return found


def _partners(
    event: FinanceEvent, catalogues: dict[str, RuleCatalogue]
) -> Iterable[tuple[str, str]]:
    """Entities an event names beside its own, with the books of the rules that post there."""
    rules = _rules(event, catalogues)
    for name, books in (rules.partner_facts(event.type) if rules else {}).items():
        partner = event.facts.get(name)
        if isinstance(partner, str) and partner:
            for book in books:
                yield partner, book


def _slots(
    event: FinanceEvent, catalogues: dict[str, RuleCatalogue]
) -> Iterable[tuple[str, PostingRule]]:
    """Book and rule of everything the event may become."""
    rules = _rules(event, catalogues)
    for (book, _), in_slot in (rules.by_slot.get(event.type, {}) if rules else {}).items():
        for rule in in_slot:
            yield book, rule


async def _foreign(
    connection: AsyncConnection,
    events: Iterable[FinanceEvent],
    catalogues: dict[str, RuleCatalogue],
) -> tuple[Overlay[ItemKey, MonetaryItem], dict[str, RateTable]]:
    wanted = currency_rows.ForeignNeeds()
    for event in events:
        ledgers = set(_foreign_ledgers(event, catalogues))
        if ledgers:
            wanted.ledgers |= ledgers
            wanted.items.add(event.order_id)
            wanted.days.add(event.original_date)
    if not wanted.ledgers:
        return Overlay(), {}
    tenants, codes = {x[0] for x in wanted.ledgers}, {x[2] for x in wanted.ledgers}
    rates = await currency_rows.load_rates(connection, tenants, codes, wanted.days)
    return await currency_rows.load_items(connection, wanted), rates


def _foreign_ledgers(
    event: FinanceEvent, catalogues: dict[str, RuleCatalogue]
) -> Iterable[tuple[str, str, str]]:
    """Tenant, entity and currency of every line that may be foreign to its entity's books."""
    rules = _rules(event, catalogues)
    for _, rule in _slots(event, catalogues):
        entity = str(event.facts.get(rule.entity, "")) if rule.entity else event.legal_entity
        known = rules.entity(entity) if rules else None
        if known is None or not known.currency_code:
            continue
        codes = {event.currency_code}
        codes |= {str(event.facts.get(line.currency, "")) for line in rule.lines if line.currency}
        for code in codes - {known.currency_code, ""}:
            yield event.tenant, entity, code
