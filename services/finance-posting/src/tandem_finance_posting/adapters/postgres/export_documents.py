"""Rows of exporting as values of the domain, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import RowMapping

from tandem_finance_posting.domain.export_batch import (
    BatchState,
    ExportBatch,
    ExportGroup,
    ExportHold,
    GroupState,
)
from tandem_finance_posting.domain.export_batch_lines import (
    BookJournal,
    BookLine,
    ErpDocument,
    ErpLine,
    LedgerKey,
    Total,
)
from tandem_finance_posting.domain.posting_rule import Side

BATCH_COLUMNS = """tenant, id::text, legal_entity, book, number, state, map_version, journal_count,
    line_count, totals, content_hash, version, built_at, sealed_at, sent_at, finished_at"""
GROUP_COLUMNS = """number, generation, external_id, state, accounting_date,
    functional_currency_code, journal_count, line_count, totals, content_hash, erp_ref, code,
    detail, attempts, due_at"""
LINE_COLUMNS = """number, segments, family, side, amount_minor, currency_code, functional_minor,
    dimensions, member_count, member_hash"""


def totals_to_json(totals: Iterable[Total]) -> str:
    """Totals as a JSON list."""
    return json.dumps([vars(total) for total in totals])


def batch_of(row: RowMapping) -> ExportBatch:
    """A batch from its row."""
    return ExportBatch(
        id=row["id"],
        ledger=LedgerKey(row["tenant"], row["legal_entity"], row["book"]),
        number=row["number"],
        state=BatchState(row["state"]),
        map_version=row["map_version"],
        built_at=row["built_at"],
        journal_count=row["journal_count"],
        line_count=row["line_count"],
        totals=tuple(Total(**total) for total in row["totals"]),
        content_hash=row["content_hash"],
        version=row["version"],
        sealed_at=row["sealed_at"],
        sent_at=row["sent_at"],
        finished_at=row["finished_at"],
    )


def group_of_row(row: RowMapping) -> ExportGroup:
    """A document's progress from its row."""
    return ExportGroup(
        number=row["number"],
        generation=row["generation"],
        external_id=row["external_id"],
        state=GroupState(row["state"]),
        accounting_date=row["accounting_date"],
        functional_currency_code=row["functional_currency_code"],
        journal_count=row["journal_count"],
        line_count=row["line_count"],
        totals=tuple(Total(**total) for total in row["totals"]),
        content_hash=row["content_hash"],
        erp_ref=row["erp_ref"],
        code=row["code"],
        detail=row["detail"],
        attempts=row["attempts"],
        due=row["due_at"],
    )


def document_of(ledger: LedgerKey, group: ExportGroup, lines: Iterable[RowMapping]) -> ErpDocument:
    """A sealed document from its rows."""
    return ErpDocument(
        legal_entity=ledger.legal_entity,
        book=ledger.book,
        external_id=group.external_id,
        accounting_date=group.accounting_date,
        functional_currency_code=group.functional_currency_code,
        lines=tuple(map(line_of, lines)),
    )


def line_of(row: RowMapping) -> ErpLine:
    """A line of a document from its row."""
    return ErpLine(
        number=row["number"],
        segments=row["segments"],
        family=row["family"],
        side=Side(row["side"]),
        currency_code=row["currency_code"],
        amount=row["amount_minor"],
        functional=row["functional_minor"],
        dimensions=row["dimensions"],
        member_count=row["member_count"],
        member_hash=row["member_hash"],
    )


def line_to_row(line: ErpLine) -> Mapping[str, Any]:
    """A line as the JSON object its insert reads."""
    return {
        "number": line.number,
        "segments": dict(line.segments),
        "family": line.family,
        "side": line.side.value,
        "amount": line.amount,
        "currency": line.currency_code,
        "functional": line.functional,
        "dimensions": dict(line.dimensions),
        "members": line.member_count,
        "hash": line.member_hash,
    }


def journal_of(row: RowMapping) -> BookJournal:
    """A journal from a row whose column ``lines`` is a JSON list of lists."""
    return BookJournal(
        id=row["id"],
        sequence=row["sequence"],
        event_key=row["event_key"],
        accounting_date=row["accounting_date"],
        functional_currency_code=row["functional_currency_code"],
        lines=tuple(
            BookLine(number, role, Side(side), amount, currency, functional, dimensions)
            for number, role, side, amount, currency, functional, dimensions in row["lines"]
        ),
    )


def hold_of(row: RowMapping) -> ExportHold:
    """A held journal from its row."""
    day: date = row["accounting_date"]
    return ExportHold(
        *(row["journal_id"], row["sequence"], day, row["code"], row["role"]),
        *(row["detail"], row["hint"], row["map_version"]),
    )
