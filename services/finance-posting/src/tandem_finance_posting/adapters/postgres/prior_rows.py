"""Events judged before that an event undoes or replaces, with their journals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.journal import Journal, JournalLine
from tandem_finance_posting.domain.overlay import Overlay
from tandem_finance_posting.domain.posting_rule import Side
from tandem_finance_posting.domain.posting_state import EventKey, LedgerKey, OrderKey
from tandem_finance_posting.domain.reversal import Prior

_EVENTS = """
    SELECT tenant, event_key, source_system, event_type, event_id, revision, state, legal_entity,
           original_date, order_id, currency_code, facts, rule_set
    FROM finance_event WHERE (tenant, event_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:keys AS text[])))
    ORDER BY tenant, event_key
"""
_JOURNALS = text("""
    SELECT j.tenant, j.id::text, j.event_key, j.legal_entity, j.book, j.purpose, j.generation,
           j.accounting_date, j.rule_set, j.rule_id, j.functional_currency_code, j.currency_code,
           (SELECT json_agg(json_build_array(l.role, l.side, l.amount_minor, l.dimensions,
                                             l.rule_line, l.functional_minor, l.currency_code)
                            ORDER BY l.number)
            FROM journal_line l WHERE l.tenant = j.tenant AND l.journal_id = j.id) AS lines
    FROM journal j
    WHERE (j.tenant, j.event_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:keys AS text[])))
      AND j.reverses_journal_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM journal r
                      WHERE r.tenant = j.tenant AND r.reverses_journal_id = j.id)
    ORDER BY j.tenant, j.sequence
""")


_LEDGERS = text("""
    SELECT DISTINCT tenant, legal_entity, book FROM journal WHERE (tenant, event_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:keys AS text[])))
""")


_ORDERS = text("""
    SELECT DISTINCT tenant, order_id FROM finance_event
    WHERE order_id <> '' AND (tenant, event_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:keys AS text[])))
""")


async def orders(connection: AsyncConnection, keys: Iterable[EventKey]) -> set[OrderKey]:
    """Orders of these events; nothing is locked."""
    wanted = sorted(set(keys))
    if not wanted:
        return set()
    arguments = {"tenants": [k[0] for k in wanted], "keys": [k[1] for k in wanted]}
    return {(row[0], row[1]) for row in await connection.execute(_ORDERS, arguments)}


async def ledgers(connection: AsyncConnection, keys: Iterable[EventKey]) -> set[LedgerKey]:
    """Ledgers the journals of these events are in; nothing is locked."""
    wanted = sorted(set(keys))
    if not wanted:
        return set()
    arguments = {"tenants": [k[0] for k in wanted], "keys": [k[1] for k in wanted]}
    return {(row[0], row[1], row[2]) for row in await connection.execute(_LEDGERS, arguments)}


async def load(
    connection: AsyncConnection, keys: Iterable[EventKey], *, lock: bool = True
) -> Overlay[EventKey, Prior]:
    """What is known of these event keys; unknown ones are left out. Locked, unless it is only
    looked at: two events that undo the same one would both find it posted."""
    wanted = sorted(set(keys))
    if not wanted:
        return Overlay()
    arguments = {"tenants": [k[0] for k in wanted], "keys": [k[1] for k in wanted]}
    sql = f"{_EVENTS} FOR UPDATE" if lock else _EVENTS
    events = (await connection.execute(text(sql), arguments)).mappings().all()
    journals: dict[EventKey, list[RowMapping]] = {}
    for row in (await connection.execute(_JOURNALS, arguments)).mappings():
        journals.setdefault((row["tenant"], row["event_key"]), []).append(row)
    found: dict[EventKey, Prior] = {}
    for row in events:
        key = (row["tenant"], row["event_key"])
        event = _event(row)
        made = tuple(_journal(item, event) for item in journals.get(key, ()))
        found[key] = Prior(event, row["state"], row["facts"], made, row["rule_set"])
    return Overlay(found)


def _event(row: RowMapping) -> FinanceEvent:
    return FinanceEvent(
        tenant=row["tenant"],
        source_system=row["source_system"],
        type=row["event_type"],
        id=row["event_id"],
        legal_entity=row["legal_entity"],
        original_date=row["original_date"],
        currency_code=row["currency_code"],
        facts=row["facts"],
        order_id=row["order_id"],
        revision=row["revision"],
    )


def _journal(row: RowMapping, event: FinanceEvent) -> Journal:
    return Journal(
        id=row["id"],
        event=event,
        purpose=row["purpose"],
        rule_set=row["rule_set"],
        rule_id=row["rule_id"],
        lines=tuple(_line(line, row["currency_code"]) for line in row["lines"]),
        legal_entity=row["legal_entity"],
        accounting_date=row["accounting_date"],
        functional_currency_code=row["functional_currency_code"],
        book=row["book"],
        generation=row["generation"],
    )


def _line(line: list[Any], currency: str) -> JournalLine:
    role, side, amount, dimensions, rule_line, functional, code = line
    other = "" if code == currency else code
    return JournalLine(role, Side(side), amount, dimensions, rule_line, functional, other)
