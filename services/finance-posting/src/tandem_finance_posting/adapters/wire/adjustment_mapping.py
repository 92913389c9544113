"""Adjustments between wire and domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping
from tandem.finance.v1 import adjustment_pb2 as wire
from tandem.finance.v1.rate_service_pb2 import SealedRate
from tandem_platform.timestamps import to_time

from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind
from tandem_finance_posting.domain.currency_rates import NANO

_LINE_TEXTS = ("note", "sku", "channel", "store", "jurisdiction")


def manual_document(draft: wire.ManualJournal) -> dict[str, Any]:
    """What is kept of a manual journal. Raises ValidationFailed for a day that is none."""
    return {
        "legal_entity": draft.legal_entity,
        "original_date": day("manual_journal.original_date", draft.original_date).isoformat(),
        "currency_code": draft.currency_code,
        "order_id": draft.order_id,
        "exception_id": draft.exception_id,
        "debits": [_line_document(line) for line in draft.debits],
        "credits": [_line_document(line) for line in draft.credits],
    }


def _line_document(line: wire.ManualLine) -> dict[str, Any]:
    texts = {name: getattr(line, name) for name in _LINE_TEXTS if getattr(line, name)}
    return {"role": line.role, "amount": line.amount_minor, **texts}


def rates_document(sheet: wire.RateSheet) -> dict[str, Any]:
    """What is kept of a rate sheet. Raises ValidationFailed for a day that is none."""
    return {
        "rate_date": day("rate_sheet.rate_date", sheet.rate_date).isoformat(),
        "rates": [[r.from_currency, r.to_currency, r.rate] for r in sheet.rates],
    }


def repost_document(range_: wire.RepostRange) -> dict[str, Any]:
    """What is kept of a range. Raises ValidationFailed for a day that is none."""
    return {
        "legal_entity": range_.legal_entity,
        "event_type": range_.event_type,
        "from_date": day("repost_range.from_date", range_.from_date).isoformat(),
        "to_date": day("repost_range.to_date", range_.to_date).isoformat(),
    }


def to_adjustment(found: Adjustment) -> wire.Adjustment:
    """An adjustment as it is."""
    message = wire.Adjustment(
        id=found.id,
        state=wire.Adjustment.State.Value(f"STATE_{found.state.value}"),
        maker=found.maker,
        propose_time=to_time(found.proposed_at),
        checker=found.checker,
        reason=found.reason or found.why,
        journal_ids=found.journal_ids,
    )
    if found.decided_at is not None:
        message.decide_time.CopyFrom(to_time(found.decided_at))
    match found.kind:
        case AdjustmentKind.MANUAL_JOURNAL:
            message.manual_journal.CopyFrom(_manual(found.document))
        case AdjustmentKind.RATES:
            message.rate_sheet.CopyFrom(_sheet(found.document))
        case AdjustmentKind.REPOST:
            message.repost_range.CopyFrom(wire.RepostRange(**found.document))
    return message


def _manual(document: Mapping[str, Any]) -> wire.ManualJournal:
    sides = {side: [_line(line) for line in document[side]] for side in ("debits", "credits")}
    return wire.ManualJournal(**{**document, **sides})


def _line(line: Mapping[str, Any]) -> wire.ManualLine:
    texts = {name: line[name] for name in _LINE_TEXTS if name in line}
    return wire.ManualLine(role=line["role"], amount_minor=line["amount"], **texts)


def _sheet(document: Mapping[str, Any]) -> wire.RateSheet:
    return wire.RateSheet(
        rate_date=document["rate_date"],
        rates=[
            wire.CurrencyRate(from_currency=source, to_currency=target, rate=rate)
            for source, target, rate in document["rates"]
        ],
    )


def to_sealed_rate(row: RowMapping) -> SealedRate:
    """A sealed rate, its decimals exact."""
    whole, fraction = divmod(row["rate_nano"], NANO)
    decimals = f"{fraction:09}".rstrip("0")
    return SealedRate(
        rate_date=row["day"].isoformat(),
        rate=wire.CurrencyRate(
            from_currency=row["from_currency"],
            to_currency=row["to_currency"],
            rate=f"{whole}.{decimals}" if decimals else str(whole),
        ),
    )
