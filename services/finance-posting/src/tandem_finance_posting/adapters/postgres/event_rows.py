"""Rows of finance events: what came, what became of it, and what later events changed of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.event_documents import to_document
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.reversal import HELD, SUPERSEDED

_INSERT = """
    INSERT INTO finance_event (tenant, event_key, event_type, state, legal_entity, original_date,
        order_id, currency_code, fingerprint, facts, document, skus, hold_gate, hold_detail,
        source_system, event_id, revision, rule_set, accepted_at, posted_at)
    SELECT tenant, event_key, event_type, state, legal_entity, date, order_id, currency_code,
           decode(fingerprint, 'hex'), facts, document, skus, hold_gate, hold_detail,
           source_system, event_id, revision, rule_set,
           :now, CASE WHEN state <> 'HELD' THEN CAST(:now AS timestamptz) END
    FROM ROWS FROM (
        json_to_recordset(CAST(:events AS json))
            AS (tenant text, event_key text, event_type text, state text, legal_entity text,
                date date, order_id text, currency_code text, fingerprint text, facts jsonb,
                document jsonb, skus text[], hold_gate text, hold_detail text,
                source_system text, event_id text, revision integer, rule_set text)
    ) WITH ORDINALITY AS e (tenant, event_key, event_type, state, legal_entity, date, order_id,
        currency_code, fingerprint, facts, document, skus, hold_gate, hold_detail, source_system,
        event_id, revision, rule_set, place)
    ORDER BY place
"""
_EVENTS = text(f"""
    {_INSERT}
    ON CONFLICT (tenant, event_key) DO UPDATE SET state = excluded.state, facts = excluded.facts,
        hold_gate = excluded.hold_gate, hold_detail = excluded.hold_detail,
        rule_set = excluded.rule_set, posted_at = excluded.posted_at
""")
_MISSING = text(f"{_INSERT} ON CONFLICT DO NOTHING")
_CHANGED = text("""
    UPDATE finance_event e SET state = c.state, hold_gate = '', hold_detail = ''
    FROM json_to_recordset(CAST(:rows AS json)) AS c (tenant text, event_key text, state text)
    WHERE e.tenant = c.tenant AND e.event_key = c.event_key
""")


async def write_events(
    connection: AsyncConnection, outcomes: Sequence[EventOutcome], now: datetime
) -> None:
    """Inserts events, or updates the held ones that are posted now; then what they changed of
    others. An earlier revision that never came is written as superseded: should it come after
    all, it is known and makes no journal."""
    unseen = [_superseded(outcome) for outcome in outcomes if outcome.event.revision > 1]
    missing = [event for events in unseen for event in events]
    rows = [_event_row(outcome) for outcome in outcomes]
    if missing:
        await _insert_missing(connection, missing, now)
    await connection.execute(_EVENTS, {"now": now, "events": json.dumps(rows)})
    changed = [
        {"tenant": outcome.event.tenant, "event_key": key, "state": state}
        for outcome in outcomes
        for key, state in outcome.changed
    ]
    if changed:
        await connection.execute(_CHANGED, {"rows": json.dumps(changed)})


def _superseded(outcome: EventOutcome) -> list[FinanceEvent]:
    event, keys = outcome.event, {key for key, state in outcome.changed if state == SUPERSEDED}
    earlier = [replace(event, revision=n, facts={}) for n in range(1, event.revision)]
    return [found for found in earlier if found.key in keys]


async def _insert_missing(
    connection: AsyncConnection, events: Sequence[FinanceEvent], now: datetime
) -> None:
    rows = [_event_row(EventOutcome(event, {}, state=SUPERSEDED)) for event in events]
    await connection.execute(_MISSING, {"now": now, "events": json.dumps(rows)})


def _event_row(outcome: EventOutcome) -> dict[str, Any]:
    event, hold = outcome.event, outcome.hold
    return {
        "tenant": event.tenant,
        "event_key": event.key,
        "event_type": event.type,
        "state": HELD if hold else outcome.state,
        "legal_entity": event.legal_entity,
        "date": event.original_date.isoformat(),
        "order_id": event.order_id,
        "currency_code": event.currency_code,
        "fingerprint": outcome.fingerprint.hex(),
        "facts": outcome.facts,
        # Only a held event is ever read back as it came.
        "document": to_document(event) if hold else {},
        # What an event holds up is kept by the sub-ledger; the column is of the first version.
        "skus": [],
        "hold_gate": hold.gate if hold else "",
        "hold_detail": hold.detail if hold else "",
        "source_system": event.source_system,
        "event_id": event.id,
        "revision": event.revision,
        "rule_set": outcome.rule_set,
    }
