"""The port of posting on one open unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from tandem.finance.v1 import events_pb2
from tandem_platform import telemetry
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres import (
    balance_rows,
    book_rows,
    event_rows,
    journal_rows,
)
from tandem_finance_posting.adapters.postgres.book_rows import OpenBook
from tandem_finance_posting.adapters.postgres.event_documents import from_document
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.wire.journal_mapping import to_finance_event, to_journal
from tandem_finance_posting.application.ports import EventOutcome, HeldEvent, KnownEvent
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.posting_book import PostingBook

_KNOWN = text("""
    SELECT tenant, event_key, fingerprint, state FROM finance_event
    WHERE (tenant, event_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:keys AS text[])))
""")
_HELD = text("""
    SELECT accepted_no, document::text FROM finance_event
    WHERE state = 'HELD' AND accepted_no > :after ORDER BY accepted_no LIMIT :rows FOR UPDATE
""")


class PostgresPostingTransaction:
    """Posting's rows in one unit of work."""

    def __init__(self, unit: UnitOfWork, rules: RuleStore) -> None:
        self._unit = unit
        self._rules = rules
        self._opened: OpenBook | None = None

    async def known(self, events: Sequence[FinanceEvent]) -> dict[tuple[str, str], KnownEvent]:
        """Events stored before."""
        arguments = {"tenants": [e.tenant for e in events], "keys": [e.key for e in events]}
        rows = await self._unit.connection.execute(_KNOWN, arguments)
        return {(row[0], row[1]): KnownEvent(bytes(row[2]), row[3]) for row in rows}

    async def open_book(self, events: Sequence[FinanceEvent], now: datetime) -> PostingBook:
        """The state these events touch, locked."""
        connection = self._unit.connection
        catalogues = await self._rules.catalogues(connection, {event.tenant for event in events})
        self._opened = await book_rows.open_book(connection, events, catalogues, now.date())
        return self._opened.book

    async def open_posted(self, keys: Sequence[tuple[str, str]], now: datetime) -> PostingBook:
        """The state of events posted before, locked."""
        connection = self._unit.connection
        catalogues = await self._rules.catalogues(connection, {tenant for tenant, _ in keys})
        self._opened = await book_rows.open_book(connection, [], catalogues, now.date(), keys)
        return self._opened.book

    async def held(self, after: int, rows: int) -> list[HeldEvent]:
        """Held events behind a place, in order of acceptance, locked."""
        found = await self._unit.connection.execute(_HELD, {"after": after, "rows": rows})
        return [HeldEvent(row[0], from_document(row[1])) for row in found]

    async def store(
        self, book: PostingBook, outcomes: Sequence[EventOutcome], now: datetime
    ) -> None:
        """Writes everything; what happened goes to the event journal on commit."""
        connection = self._unit.connection
        journals = [(j, trace_id(o.event)) for o in outcomes for j in o.journals]
        numbered = await journal_rows.number_journals(connection, journals)
        await journal_rows.write_journals(connection, numbered, now)
        await balance_rows.add_to_balances(connection, numbered, now)
        await event_rows.write_events(connection, outcomes, now)
        assert self._opened is not None, "a book is opened before it is stored"
        await book_rows.save_book(connection, self._opened)
        for item in numbered:
            self._record_journal(item, now)
        for outcome in outcomes:
            self._record_outcome(outcome, now)

    def _record_journal(self, item: journal_rows.NumberedJournal, now: datetime) -> None:
        journal = item.journal
        message = events_pb2.JournalPosted(
            journal=to_journal(item, now), source_event_id=journal.event.source_event_id
        )
        self._record(message, journal.event, ("journal", journal.id, 1), now)

    def _record_outcome(self, outcome: EventOutcome, now: datetime) -> None:
        event = outcome.event
        if outcome.hold is not None:
            held = events_pb2.FinanceEventHeld(
                finance_event=to_finance_event(outcome, now), source_event_id=event.source_event_id
            )
            self._record(held, event, ("finance_event", event.key, 1), now)
        elif outcome.released:
            freed = events_pb2.FinanceEventReleased(finance_event=to_finance_event(outcome, now))
            self._record(freed, event, ("finance_event", event.key, 2), now)

    def _record(
        self,
        message: events_pb2.JournalPosted
        | events_pb2.FinanceEventHeld
        | events_pb2.FinanceEventReleased,
        event: FinanceEvent,
        aggregate: tuple[str, str, int],
        now: datetime,
    ) -> None:
        kind, aggregate_id, version = aggregate
        with telemetry.continued(event.trace_headers):
            self._unit.record(
                event_from(
                    message,
                    aggregate_type=kind,
                    aggregate_id=aggregate_id,
                    aggregate_version=version,
                    occurred_at=now,
                    tenant=event.tenant,
                    causation_id=event.source_event_id or None,
                    correlation_id=event.order_id or None,
                )
            )


def trace_id(event: FinanceEvent) -> str:
    """The trace the event came on; empty without one."""
    parts = event.trace_headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) > 1 else ""
