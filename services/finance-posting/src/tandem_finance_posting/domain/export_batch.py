"""The life of a batch and of its documents, decided from what the ERP answers.

A document whose fate is not known is asked for before it is sent again; nothing is ever deleted.

    BUILDING ─▶ SEALED ─▶ SENDING ─▶ ACKED ─▶ RECONCILED
                            │  ▲  ├▶ PARTIAL
                            ▼  │  └▶ REJECTED
                           UNKNOWN
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from tandem_finance_posting.domain.export_batch_answer import (
    Absent,
    Delivered,
    Differs,
    ErpAnswer,
    NotDone,
    Posted,
    Refused,
    Unclear,
)
from tandem_finance_posting.domain.export_batch_lines import ErpDocument, LedgerKey, Total

NEVER_EXPORTED = frozenset({"MEMO"})
"""Books that show what is not yet business; an ERP must never see them."""
WHOLE_PERMILLE = 1_000
DIFFERS_CODE = "ERP_RECORD_DIFFERS"
UNKNOWN_CODE = "NO_ANSWER"


class BatchState(StrEnum):
    """Where a batch is."""

    BUILDING = "BUILDING"
    SEALED = "SEALED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    ACKED = "ACKED"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"
    RECONCILED = "RECONCILED"


class GroupState(StrEnum):
    """Where a document is."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    UNKNOWN = "UNKNOWN"
    ACKED = "ACKED"
    REJECTED = "REJECTED"
    REPLACED = "REPLACED"
    STALLED = "STALLED"

    @property
    def open(self) -> bool:
        """True while an answer is still to come."""
        return self in _OPEN


_OPEN = frozenset(
    {
        *(GroupState.PENDING, GroupState.SENDING, GroupState.DELIVERED),
        *(GroupState.UNKNOWN, GroupState.STALLED),
    }
)


class MemberState(StrEnum):
    """What the ERP said about a journal of a batch."""

    PENDING = "PENDING"
    ACKED = "ACKED"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class ExportBatch:
    """Journals of one entity and book on their way. ``version`` counts what was told of it."""

    id: str
    ledger: LedgerKey
    number: int
    state: BatchState
    map_version: int
    built_at: datetime
    journal_count: int = 0
    line_count: int = 0
    totals: tuple[Total, ...] = ()
    content_hash: str = ""
    version: int = 0
    sealed_at: datetime | None = None
    sent_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class ExportGroup:
    """A document on its way. ``due`` is when it is looked at again by itself; None is never."""

    number: int
    generation: int
    external_id: str
    state: GroupState
    accounting_date: date
    functional_currency_code: str
    journal_count: int
    line_count: int
    totals: tuple[Total, ...]
    content_hash: str
    erp_ref: str = ""
    code: str = ""
    detail: str = ""
    attempts: int = 0
    due: datetime | None = None


@dataclass(frozen=True)
class Member:
    """A journal in a batch."""

    journal_id: str
    sequence: int
    accounting_date: date
    state: MemberState
    group_number: int = 0


@dataclass(frozen=True)
class ExportHold:
    """A journal that cannot go as things are."""

    journal_id: str
    sequence: int
    accounting_date: date
    code: str
    role: str
    detail: str
    hint: str
    map_version: int


@dataclass(frozen=True)
class RetryPolicy:
    """How often a document is tried by itself, and how far apart."""

    attempts_max: int = 50
    first_wait_ms: int = 500
    wait_ms_max: int = 300_000
    ack_poll_ms: int = 60_000

    def wait_ms(self, attempts: int, jitter_permille: int) -> int:
        """Doubles with each attempt up to the most; ``jitter_permille`` (0 to 1,000) takes up to
        half of it away, so that documents refused together do not come back together."""
        doubled = self.first_wait_ms << min(max(attempts - 1, 0), 20)
        whole = min(doubled, self.wait_ms_max)
        return whole - whole * jitter_permille // (2 * WHOLE_PERMILLE)


@dataclass(frozen=True)
class Moment:
    """When something is decided, and with what chance: the outside brings both in."""

    now: datetime
    jitter_permille: int = 0


def external_id(ledger: LedgerKey, batch_id: str, number: int, generation: int) -> str:
    """The name of a document in the ERP."""
    return f"tandem:{ledger.legal_entity}:{ledger.book}:{batch_id}:{number}:{generation}"


def group_of(document: ErpDocument, number: int, generation: int, due: datetime) -> ExportGroup:
    """A document that was not sent yet."""
    return ExportGroup(
        number=number,
        generation=generation,
        external_id=document.external_id,
        state=GroupState.PENDING,
        accounting_date=document.accounting_date,
        functional_currency_code=document.functional_currency_code,
        journal_count=len(document.journal_ids),
        line_count=len(document.lines),
        totals=document.totals,
        content_hash=document.content_hash,
        due=due,
    )


def after_answer(
    group: ExportGroup, answer: ErpAnswer, retry: RetryPolicy, moment: Moment
) -> ExportGroup:
    """The document after an answer: to what was sent when it is SENDING, else to a question."""
    asked = group.state is not GroupState.SENDING
    match answer:
        case Posted(ref=ref):
            return replace(group, state=GroupState.ACKED, erp_ref=ref, code="", detail="", due=None)
        case Refused(code=code, detail=detail):
            return replace(group, state=GroupState.REJECTED, code=code, detail=detail, due=None)
        case Differs(ref=ref, detail=detail):
            told = {"erp_ref": ref, "code": DIFFERS_CODE, "detail": detail}
            return replace(group, state=GroupState.STALLED, due=None, **told)  # type: ignore[arg-type]  # texts only
        case Delivered(ref=ref):
            later = moment.now + timedelta(milliseconds=retry.ack_poll_ms)
            return replace(group, state=GroupState.DELIVERED, erp_ref=ref, due=later)
        case Absent():
            return replace(group, state=GroupState.PENDING, due=moment.now)
        case NotDone(code=code, detail=detail, wait_ms=wait_ms):
            # A question that was not answered says nothing about the document asked for.
            state = group.state if asked else GroupState.PENDING
            tried = replace(group, state=state, code=code, detail=detail)
            return _again(tried, retry, moment, wait_ms)
        case Unclear(detail=detail):
            state = group.state if asked else GroupState.UNKNOWN
            tried = replace(group, state=state, code=UNKNOWN_CODE, detail=detail)
            return _again(tried, retry, moment, 0)


def _again(group: ExportGroup, retry: RetryPolicy, moment: Moment, wait_ms_min: int) -> ExportGroup:
    if group.state is GroupState.STALLED or group.attempts >= retry.attempts_max:
        return replace(group, state=GroupState.STALLED, due=None)
    wait_ms = max(wait_ms_min, retry.wait_ms(group.attempts, moment.jitter_permille))
    return replace(group, due=moment.now + timedelta(milliseconds=wait_ms))


def newest(groups: Iterable[ExportGroup]) -> list[ExportGroup]:
    """The last generation of each document, by number."""
    found: dict[int, ExportGroup] = {}
    for group in groups:
        if group.number not in found or found[group.number].generation < group.generation:
            found[group.number] = group
    return [found[number] for number in sorted(found)]


def batch_state(groups: Iterable[ExportGroup], members: Iterable[MemberState]) -> BatchState:
    """Where a batch that was sent is."""
    states, told = {group.state for group in newest(groups)}, set(members)
    if GroupState.UNKNOWN in states:
        return BatchState.UNKNOWN
    if MemberState.PENDING in told:
        return BatchState.SENDING
    if MemberState.REJECTED not in told:
        return BatchState.ACKED
    return BatchState.PARTIAL if MemberState.ACKED in told else BatchState.REJECTED
