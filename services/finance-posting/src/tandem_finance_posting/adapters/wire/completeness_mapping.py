"""Completeness of the books and open refunds to the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import RowMapping
from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import ledger_service_pb2 as api
from tandem_platform.timestamps import to_time

from tandem_finance_posting.adapters.wire.period_mapping import to_amounts
from tandem_finance_posting.domain.posting_completeness import EventCount, PostingShare


def event_counts(rows: Iterable[RowMapping]) -> list[EventCount]:
    """Counted events of rows."""
    return [
        EventCount(
            key=(row["channel"], row["store"], row["event_type"]),
            held=row["state"] == "HELD",
            currency_code=row["currency_code"],
            count=row["count"],
            value_minor=int(row["value"]),
        )
        for row in rows
    ]


def to_share(share: PostingShare) -> api.PostingShare:
    """One kind of events, or all."""
    channel, store, event_type = share.key
    return api.PostingShare(
        channel=channel,
        store=store,
        event_type=event_type,
        posted_count=share.posted,
        held_count=share.held,
        posted_amounts=to_amounts(share.posted_amounts),
        held_amounts=to_amounts(share.held_amounts),
        posted_count_bp=share.count_bp,
        posted_value_bp=share.value_bp,
    )


def to_held(rows: Iterable[RowMapping], now: datetime) -> list[api.HeldShare]:
    """Held events by gate, over currencies."""
    by_gate: dict[str, list[RowMapping]] = {}
    for row in rows:
        by_gate.setdefault(row["hold_gate"], []).append(row)
    held = []
    for gate, found in by_gate.items():
        oldest = min(row["oldest"] for row in found)
        held.append(
            api.HeldShare(
                gate=gate,
                count=sum(row["count"] for row in found),
                amounts=to_amounts({row["currency_code"]: int(row["value"]) for row in found}),
                oldest_accept_time=to_time(oldest),
                oldest_age_s=max(0, int((now - oldest).total_seconds())),
            )
        )
    return held


def to_gap_total(rows: Sequence[RowMapping], kind: str) -> api.RefundGapTotal:
    """Open refunds of one kind."""
    found = [row for row in rows if row["kind"] == kind]
    return api.RefundGapTotal(
        count=sum(row["count"] for row in found),
        amounts=to_amounts({row["currency_code"]: int(row["value"]) for row in found}),
    )


def to_gap(row: RowMapping, today: date) -> api.RefundGap:
    """An open refund."""
    return api.RefundGap(
        kind=api.RefundGap.Kind.Value(f"KIND_{row['kind']}"),
        legal_entity=row["legal_entity"],
        order_id=row["order_id"],
        event_key=row["event_key"],
        amount=Money(currency_code=row["currency_code"], minor_units=int(row["amount"])),
        original_date=row["original_date"].isoformat(),
        age_days=(today - row["original_date"]).days,
        hold_gate=row["hold_gate"],
    )
