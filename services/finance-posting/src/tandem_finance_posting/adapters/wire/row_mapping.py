"""Rows of the books to the wire."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import RowMapping
from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import journal_pb2 as wire

from tandem_finance_posting.adapters.postgres.ledger_read_models import JournalRow
from tandem_finance_posting.adapters.wire.journal_mapping import to_time


def journal_from_row(row: JournalRow) -> wire.Journal:
    """A journal as stored."""
    journal = row.journal
    return wire.Journal(
        id=journal["id"],
        sequence=journal["sequence"],
        legal_entity=journal["legal_entity"],
        book=journal["book"],
        event_key=journal["event_key"],
        event_type=journal["event_type"],
        purpose=journal["purpose"],
        generation=journal["generation"],
        original_date=journal["original_date"].isoformat(),
        accounting_date=journal["accounting_date"].isoformat(),
        record_time=to_time(journal["recorded_at"]),
        rule_set=journal["rule_set"],
        rule_id=journal["rule_id"],
        order_id=journal["order_id"],
        lines=[_line(line, journal["functional_currency_code"]) for line in row.lines],
        trace_id=journal["trace_id"],
        reverses_journal_id=journal["reverses_journal_id"] or "",
        link_id=journal["link_id"],
        late_reason=journal["late_reason"],
        approvals=[
            wire.JournalApproval(
                subject=approval["subject"],
                approve_time=to_time(datetime.fromisoformat(approval["at"])),
                reason=approval["reason"],
            )
            for approval in journal["approvals"]
        ],
    )


def _line(line: RowMapping, functional_currency_code: str) -> wire.JournalLine:
    return wire.JournalLine(
        number=line["number"],
        role=line["role"],
        side=wire.JournalLine.Side.Value(f"SIDE_{line['side']}"),
        amount=Money(currency_code=line["currency_code"], minor_units=line["amount_minor"]),
        functional_amount=Money(
            currency_code=functional_currency_code, minor_units=line["functional_minor"]
        ),
        dimensions=line["dimensions"],
        rule_line=line["rule_line"],
    )


def event_from_row(row: RowMapping) -> wire.FinanceEvent:
    """A finance event as stored."""
    posted_at: datetime | None = row["posted_at"]
    return wire.FinanceEvent(
        event_key=row["event_key"],
        event_type=row["event_type"],
        state=wire.FinanceEvent.State.Value(f"STATE_{row['state']}"),
        legal_entity=row["legal_entity"],
        original_date=row["original_date"].isoformat(),
        order_id=row["order_id"],
        currency_code=row["currency_code"],
        hold_gate=row["hold_gate"],
        hold_detail=row["hold_detail"],
        accept_time=to_time(row["accepted_at"]),
        post_time=to_time(posted_at) if posted_at else None,
        facts_json=row["facts"],
        journal_ids=row["journal_ids"],
    )
