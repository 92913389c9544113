"""Journals and finance events from domain to wire."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Protocol

from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import journal_pb2 as wire
from tandem_platform.timestamps import to_time as to_time

from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.domain.journal import Journal, JournalLine


class Numbered(Protocol):
    """A journal with its number."""

    @property
    def journal(self) -> Journal:
        """The journal."""
        ...

    @property
    def sequence(self) -> int:
        """Its number; 0 for a simulated one."""
        ...

    @property
    def trace_id(self) -> str:
        """Its trace."""
        ...


def to_journal(item: Numbered, recorded_at: datetime) -> wire.Journal:
    """A journal as posted."""
    journal, event = item.journal, item.journal.event
    return wire.Journal(
        id=journal.id,
        sequence=item.sequence,
        legal_entity=journal.legal_entity,
        book=journal.book,
        event_key=event.key,
        event_type=event.type,
        purpose=journal.purpose,
        generation=journal.generation,
        original_date=event.original_date.isoformat(),
        accounting_date=journal.accounting_date.isoformat(),
        record_time=to_time(recorded_at),
        rule_set=journal.rule_set,
        rule_id=journal.rule_id,
        order_id=event.order_id,
        lines=[
            to_line(number, line, journal) for number, line in enumerate(journal.lines, start=1)
        ],
        trace_id=item.trace_id,
        reverses_journal_id=journal.reverses,
        link_id=journal.link_id,
        late_reason=journal.late_reason,
        approvals=[
            wire.JournalApproval(subject=a.subject, approve_time=to_time(a.at), reason=a.reason)
            for a in journal.approvals
        ],
    )


def to_line(number: int, line: JournalLine, journal: Journal) -> wire.JournalLine:
    """One line of a journal."""
    currency = line.currency_code or journal.event.currency_code
    return wire.JournalLine(
        number=number,
        role=line.role,
        side=wire.JournalLine.Side.Value(f"SIDE_{line.side.value}"),
        amount=Money(currency_code=currency, minor_units=line.amount),
        functional_amount=Money(
            currency_code=journal.functional_currency_code, minor_units=line.functional
        ),
        dimensions=line.dimensions,
        rule_line=line.rule_line,
    )


def to_finance_event(outcome: EventOutcome, now: datetime) -> wire.FinanceEvent:
    """An event with what became of it."""
    event, hold = outcome.event, outcome.hold
    message = wire.FinanceEvent(
        event_key=event.key,
        event_type=event.type,
        state=wire.FinanceEvent.State.Value(f"STATE_{outcome.state}"),
        legal_entity=event.legal_entity,
        original_date=event.original_date.isoformat(),
        order_id=event.order_id,
        currency_code=event.currency_code,
        hold_gate=hold.gate if hold else "",
        hold_detail=hold.detail if hold else "",
        accept_time=to_time(now),
        facts_json=json.dumps(outcome.facts),
        journal_ids=[journal.id for journal in outcome.journals],
    )
    if hold is None:
        message.post_time.CopyFrom(to_time(now))
    return message
