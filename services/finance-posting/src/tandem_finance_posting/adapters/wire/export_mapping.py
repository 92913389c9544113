"""Export batches, documents, lines and holds to the wire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import events_pb2
from tandem.finance.v1 import export_batch_pb2 as wire
from tandem_platform.timestamps import to_time

from tandem_finance_posting.application.export_ports import BatchNews
from tandem_finance_posting.domain.export_batch import ExportBatch, ExportGroup, ExportHold
from tandem_finance_posting.domain.export_batch_lines import (
    BookJournal,
    BookLine,
    ErpLine,
    LedgerKey,
    Total,
)
from tandem_finance_posting.domain.posting_rule import Side

_NEWS: dict[BatchNews, type[Message]] = {
    BatchNews.SEALED: events_pb2.ExportBatchSealed,
    BatchNews.SENT: events_pb2.ExportBatchSent,
    BatchNews.ACKED: events_pb2.ExportBatchAcked,
    BatchNews.REJECTED: events_pb2.ExportBatchRejected,
    BatchNews.UNKNOWN: events_pb2.ExportBatchUnknown,
    BatchNews.STALLED: events_pb2.ExportBatchStalled,
}


def to_news(batch: ExportBatch, news: BatchNews) -> Message:
    """The event of a change."""
    return _NEWS[news](batch=to_batch(batch))


def to_batch(
    batch: ExportBatch, groups: Iterable[ExportGroup] = (), told: tuple[int, int] = (0, 0)
) -> wire.ExportBatch:
    """A batch; ``told`` counts its journals the ERP has and those it refused."""
    documents = list(groups)
    currency = _functional(documents)
    return wire.ExportBatch(
        id=batch.id,
        state=wire.ExportBatch.State.Value(f"STATE_{batch.state.value}"),
        legal_entity=batch.ledger.legal_entity,
        book=batch.ledger.book,
        number=batch.number,
        map_version=batch.map_version,
        journal_count=batch.journal_count,
        line_count=batch.line_count,
        totals=[_total(total, currency) for total in batch.totals],
        content_hash=batch.content_hash,
        build_time=to_time(batch.built_at),
        seal_time=_time(batch.sealed_at),
        send_time=_time(batch.sent_at),
        finish_time=_time(batch.finished_at),
        groups=[to_group(group) for group in documents],
        acked_count=told[0],
        rejected_count=told[1],
    )


def _functional(groups: list[ExportGroup]) -> str:
    """Currency of the books, where the documents are at hand to tell it."""
    return groups[0].functional_currency_code if groups else ""


def to_group(group: ExportGroup) -> wire.ExportGroup:
    """A document's progress."""
    return wire.ExportGroup(
        number=group.number,
        generation=group.generation,
        external_id=group.external_id,
        state=wire.ExportGroup.State.Value(f"STATE_{group.state.value}"),
        accounting_date=group.accounting_date.isoformat(),
        journal_count=group.journal_count,
        line_count=group.line_count,
        totals=[_total(total, group.functional_currency_code) for total in group.totals],
        content_hash=group.content_hash,
        erp_ref=group.erp_ref,
        code=group.code,
        detail=group.detail,
        attempts=group.attempts,
        due_time=_time(group.due),
    )


def _total(total: Total, functional: str) -> wire.ExportTotal:
    def money(code: str, amount: int) -> Money:
        return Money(currency_code=code, minor_units=amount)

    code, home = total.currency_code, functional or total.currency_code
    return wire.ExportTotal(
        debit=money(code, total.debit),
        credit=money(code, total.credit),
        functional_debit=money(home, total.functional_debit),
        functional_credit=money(home, total.functional_credit),
    )


def to_export_line(line: ErpLine, functional: str) -> wire.ExportLine:
    """A line of a document."""
    return wire.ExportLine(
        number=line.number,
        segments=dict(line.segments),
        family=line.family,
        debit=line.side is Side.DEBIT,
        amount=Money(currency_code=line.currency_code, minor_units=line.amount),
        functional_amount=Money(currency_code=functional, minor_units=line.functional),
        dimensions=dict(line.dimensions),
        member_count=line.member_count,
        member_hash=line.member_hash,
    )


def to_member(journal: BookJournal, line: BookLine) -> wire.ExportLineMember:
    """A line of a journal behind a line of the ERP."""
    return wire.ExportLineMember(
        journal_id=journal.id,
        sequence=journal.sequence,
        line_number=line.number,
        role=line.role,
        amount=Money(currency_code=line.currency_code, minor_units=line.amount),
        event_key=journal.event_key,
    )


def to_hold(ledger: LedgerKey, hold: ExportHold, held_at: datetime | None) -> wire.ExportHold:
    """A journal that cannot go."""
    return wire.ExportHold(
        journal_id=hold.journal_id,
        sequence=hold.sequence,
        legal_entity=ledger.legal_entity,
        book=ledger.book,
        accounting_date=hold.accounting_date.isoformat(),
        code=hold.code,
        role=hold.role,
        detail=hold.detail,
        hint=hold.hint,
        map_version=hold.map_version,
        hold_time=_time(held_at),
    )


def _time(value: datetime | None) -> Timestamp | None:
    return to_time(value) if value else None
