"""Rows of journals and finance events, written set-based."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.event_documents import to_document
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.post_finance_events import fingerprint
from tandem_finance_posting.domain.journal import Journal

_SEQUENCES = text("""
    INSERT INTO journal_sequence (tenant, legal_entity, book, last)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:entities AS text[]),
                         CAST(:books AS text[]), CAST(:counts AS bigint[]))
    ON CONFLICT (tenant, legal_entity, book)
        DO UPDATE SET last = journal_sequence.last + excluded.last
    RETURNING tenant, legal_entity, book, last
""")
_JOURNALS = text("""
    INSERT INTO journal (tenant, id, sequence, legal_entity, book, event_key, event_type, purpose,
        generation, original_date, accounting_date, recorded_at, rule_set, rule_id, order_id,
        currency_code, trace_id)
    SELECT tenant, id, sequence, legal_entity, book, event_key, event_type, purpose, generation,
           date, date, :now, rule_set, rule_id, order_id, currency_code, trace_id
    FROM unnest(CAST(:tenant AS text[]), CAST(:id AS uuid[]), CAST(:sequence AS bigint[]),
                CAST(:legal_entity AS text[]), CAST(:book AS text[]), CAST(:event_key AS text[]),
                CAST(:event_type AS text[]), CAST(:purpose AS text[]),
                CAST(:generation AS integer[]), CAST(:date AS date[]), CAST(:rule_set AS text[]),
                CAST(:rule_id AS text[]), CAST(:order_id AS text[]),
                CAST(:currency_code AS text[]), CAST(:trace_id AS text[]))
         AS j (tenant, id, sequence, legal_entity, book, event_key, event_type, purpose,
               generation, date, rule_set, rule_id, order_id, currency_code, trace_id)
""")
_LINES = text("""
    INSERT INTO journal_line (tenant, journal_id, number, legal_entity, book, accounting_date,
        role, side, amount_minor, currency_code, dimensions, rule_line)
    SELECT tenant, journal_id, number, legal_entity, book, date, role, side, amount, currency_code,
           CAST(dimensions AS jsonb), rule_line
    FROM unnest(CAST(:tenant AS text[]), CAST(:journal_id AS uuid[]), CAST(:number AS integer[]),
                CAST(:legal_entity AS text[]), CAST(:book AS text[]), CAST(:date AS date[]),
                CAST(:role AS text[]), CAST(:side AS text[]), CAST(:amount AS bigint[]),
                CAST(:currency_code AS text[]), CAST(:dimensions AS text[]),
                CAST(:rule_line AS text[]))
         AS l (tenant, journal_id, number, legal_entity, book, date, role, side, amount,
               currency_code, dimensions, rule_line)
""")
_EVENTS = text("""
    INSERT INTO finance_event (tenant, event_key, event_type, state, legal_entity, original_date,
        order_id, currency_code, fingerprint, facts, document, skus, hold_gate, hold_detail,
        accepted_at, posted_at)
    SELECT tenant, event_key, event_type, state, legal_entity, date, order_id, currency_code,
           fingerprint, CAST(facts AS jsonb), CAST(document AS jsonb),
           ARRAY(SELECT jsonb_array_elements_text(CAST(skus AS jsonb))), hold_gate, hold_detail,
           :now, CASE WHEN state = 'POSTED' THEN CAST(:now AS timestamptz) END
    FROM unnest(CAST(:tenant AS text[]), CAST(:event_key AS text[]), CAST(:event_type AS text[]),
                CAST(:state AS text[]), CAST(:legal_entity AS text[]), CAST(:date AS date[]),
                CAST(:order_id AS text[]), CAST(:currency_code AS text[]),
                CAST(:fingerprint AS bytea[]), CAST(:facts AS text[]), CAST(:document AS text[]),
                CAST(:skus AS text[]), CAST(:hold_gate AS text[]), CAST(:hold_detail AS text[]))
         WITH ORDINALITY
         AS e (tenant, event_key, event_type, state, legal_entity, date, order_id, currency_code,
               fingerprint, facts, document, skus, hold_gate, hold_detail, place)
    ORDER BY place
    ON CONFLICT (tenant, event_key) DO UPDATE SET state = excluded.state, facts = excluded.facts,
        hold_gate = excluded.hold_gate, hold_detail = excluded.hold_detail,
        posted_at = excluded.posted_at
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
    counts = Counter((j.event.tenant, j.event.legal_entity, j.book) for j, _ in journals)
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
        key = (journal.event.tenant, journal.event.legal_entity, journal.book)
        following[key] += 1
        numbered.append(NumberedJournal(journal, following[key], trace_id))
    return numbered


async def write_journals(
    connection: AsyncConnection, numbered: Sequence[NumberedJournal], now: datetime
) -> None:
    """Inserts journals and lines. Raises IntegrityError when one exists already."""
    if not numbered:
        return
    journals = [item.journal for item in numbered]
    events = [journal.event for journal in journals]
    await connection.execute(
        _JOURNALS,
        {
            "now": now,
            "tenant": [e.tenant for e in events],
            "id": [j.id for j in journals],
            "sequence": [item.sequence for item in numbered],
            "legal_entity": [e.legal_entity for e in events],
            "book": [j.book for j in journals],
            "event_key": [e.key for e in events],
            "event_type": [e.type for e in events],
            "purpose": [j.purpose for j in journals],
            "generation": [j.generation for j in journals],
            "date": [e.original_date for e in events],
            "rule_set": [j.rule_set for j in journals],
            "rule_id": [j.rule_id for j in journals],
            "order_id": [e.order_id for e in events],
            "currency_code": [e.currency_code for e in events],
            "trace_id": [item.trace_id for item in numbered],
        },
    )
    await _write_lines(connection, journals)


async def _write_lines(connection: AsyncConnection, journals: Sequence[Journal]) -> None:
    lines = [(j, n, line) for j in journals for n, line in enumerate(j.lines, start=1)]
    await connection.execute(
        _LINES,
        {
            "tenant": [j.event.tenant for j, _, _ in lines],
            "journal_id": [j.id for j, _, _ in lines],
            "number": [n for _, n, _ in lines],
            "legal_entity": [j.event.legal_entity for j, _, _ in lines],
            "book": [j.book for j, _, _ in lines],
            "date": [j.event.original_date for j, _, _ in lines],
            "role": [line.role for _, _, line in lines],
            "side": [line.side.value for _, _, line in lines],
            "amount": [line.amount for _, _, line in lines],
            "currency_code": [j.event.currency_code for j, _, _ in lines],
            "dimensions": [json.dumps(dict(line.dimensions)) for _, _, line in lines],
            "rule_line": [line.rule_line for _, _, line in lines],
        },
    )


async def write_events(
    connection: AsyncConnection, outcomes: Sequence[EventOutcome], now: datetime
) -> None:
    """Inserts events, or updates the held ones that are posted now."""
    events = [outcome.event for outcome in outcomes]
    await connection.execute(
        _EVENTS,
        {
            "now": now,
            "tenant": [e.tenant for e in events],
            "event_key": [e.key for e in events],
            "event_type": [e.type for e in events],
            "state": ["HELD" if o.hold else "POSTED" for o in outcomes],
            "legal_entity": [e.legal_entity for e in events],
            "date": [e.original_date for e in events],
            "order_id": [e.order_id for e in events],
            "currency_code": [e.currency_code for e in events],
            "fingerprint": [fingerprint(e) for e in events],
            "facts": [json.dumps(o.facts) for o in outcomes],
            "document": [to_document(e) for e in events],
            "skus": [json.dumps(e.skus) for e in events],
            "hold_gate": [o.hold.gate if o.hold else "" for o in outcomes],
            "hold_detail": [o.hold.detail if o.hold else "" for o in outcomes],
        },
    )
