"""Rows of journals and finance events, written set-based."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.domain.journal import Journal

_SEQUENCES = text("""
    INSERT INTO journal_sequence (tenant, legal_entity, book, last)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:entities AS text[]),
                         CAST(:books AS text[]), CAST(:counts AS bigint[]))
    ON CONFLICT (tenant, legal_entity, book)
        DO UPDATE SET last = journal_sequence.last + excluded.last
    RETURNING tenant, legal_entity, book, last
""")
# Rows go as one JSON text: lines hang under their journals, so nothing is sent twice, and psycopg
# would write each array element by element in Python.
_JOURNALS = text("""
    WITH sent AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:journals AS json))
            AS j (tenant text, id uuid, sequence bigint, legal_entity text, book text,
                  event_key text, event_type text, purpose text, generation integer,
                  original_date date, accounting_date date, rule_set text, rule_id text,
                  order_id text, currency_code text, trace_id text, link_id text,
                  reverses uuid, functional_currency text, late_reason text, approvals jsonb,
                  lines json)
    ), written AS (
        INSERT INTO journal (tenant, id, sequence, legal_entity, book, event_key, event_type,
            purpose, generation, original_date, accounting_date, recorded_at, rule_set, rule_id,
            order_id, currency_code, trace_id, link_id, reverses_journal_id,
            functional_currency_code, late_reason, approvals)
        SELECT tenant, id, sequence, legal_entity, book, event_key, event_type, purpose,
               generation, original_date, accounting_date, :now, rule_set, rule_id, order_id,
               currency_code, trace_id, link_id, reverses, functional_currency, late_reason,
               approvals
        FROM sent
    )
    INSERT INTO journal_line (tenant, journal_id, number, legal_entity, book, accounting_date,
        role, side, amount_minor, currency_code, dimensions, rule_line, functional_minor)
    SELECT j.tenant, j.id, row_number() OVER (PARTITION BY j.tenant, j.id ORDER BY l.place),
           j.legal_entity, j.book, j.accounting_date, l.role, l.side, l.amount, l.currency,
           l.dimensions, l.rule_line, l.functional
    FROM sent j, ROWS FROM (
        json_to_recordset(j.lines)
            AS (role text, side text, amount bigint, currency text, functional bigint,
                dimensions jsonb, rule_line text)
    ) WITH ORDINALITY AS l (role, side, amount, currency, functional, dimensions, rule_line, place)
""")


@dataclass(frozen=True)
class NumberedJournal:
    """A journal with its number in entity and book, and its trace."""

    journal: Journal
    sequence: int
    trace_id: str


async def number_journals(
    connection: AsyncConnection, journals: Sequence[tuple[Journal, str]]
) -> list[NumberedJournal]:
    """Takes numbers for journals (with trace ids), gapless: the counter row is locked until the
    transaction ends and rolls back with it."""
    if not journals:
        return []
    counts = Counter((j.event.tenant, j.legal_entity, j.book) for j, _ in journals)
    keys = sorted(counts)
    rows = await connection.execute(
        _SEQUENCES,
        {
            "tenants": [k[0] for k in keys],
            "entities": [k[1] for k in keys],
            "books": [k[2] for k in keys],
            "counts": [counts[k] for k in keys],
        },
    )
    following = {(r[0], r[1], r[2]): r[3] - counts[r[0], r[1], r[2]] for r in rows}
    numbered = []
    for journal, trace_id in journals:
        key = (journal.event.tenant, journal.legal_entity, journal.book)
        following[key] += 1
        numbered.append(NumberedJournal(journal, following[key], trace_id))
    return numbered


async def write_journals(
    connection: AsyncConnection, numbered: Sequence[NumberedJournal], now: datetime
) -> None:
    """Inserts journals and lines. Raises IntegrityError when one exists already."""
    if numbered:
        rows = json.dumps([_journal_row(item) for item in numbered])
        await connection.execute(_JOURNALS, {"now": now, "journals": rows})


def _journal_row(item: NumberedJournal) -> dict[str, Any]:
    journal, event = item.journal, item.journal.event
    return {
        "tenant": event.tenant,
        "id": journal.id,
        "sequence": item.sequence,
        "legal_entity": journal.legal_entity,
        "book": journal.book,
        "event_key": event.key,
        "event_type": event.type,
        "purpose": journal.purpose,
        "generation": journal.generation,
        "original_date": event.original_date.isoformat(),
        "accounting_date": journal.accounting_date.isoformat(),
        "rule_set": journal.rule_set,
        "rule_id": journal.rule_id,
        "order_id": event.order_id,
        "currency_code": event.currency_code,
        "trace_id": item.trace_id,
        "link_id": journal.link_id,
        "reverses": journal.reverses or None,
        "functional_currency": journal.functional_currency_code,
        "late_reason": journal.late_reason,
        "approvals": [
            {"subject": a.subject, "at": a.at.isoformat(), "reason": a.reason}
            for a in journal.approvals
        ],
        "lines": [
            {
                "role": line.role,
                "side": line.side.value,
                "amount": line.amount,
                "currency": line.currency_code or event.currency_code,
                "functional": line.functional,
                "dimensions": line.dimensions,
                "rule_line": line.rule_line,
            }
            for line in journal.lines
        ],
    }
