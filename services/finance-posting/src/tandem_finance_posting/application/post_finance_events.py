"""Posts finance events set-based in one transaction; each key once, whatever is delivered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tandem_core.errors import DomainError

from tandem_finance_posting.application.ports import EventOutcome, PostingTransaction
from tandem_finance_posting.domain.errors import FinanceEventConflict
from tandem_finance_posting.domain.event_posting import Posted
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.reversal import HELD

PostResult = EventOutcome | DomainError | None
"""An outcome, the error it met, or None for an event posted before with the same facts."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=list)


def fingerprint(event: FinanceEvent) -> bytes:
    """Hash of everything that decides the journals, in a canonical encoding."""
    content = {
        "entity": event.legal_entity,
        "date": event.original_date.isoformat(),
        "currency": event.currency_code,
        "facts": event.facts,
        "order": event.order_id,
    }
    return hashlib.sha256(_CANONICAL.encode(content).encode()).digest()


async def post_finance_events(
    transaction: PostingTransaction, events: Sequence[FinanceEvent], now: datetime
) -> list[PostResult]:
    """Posts or holds each event in order; an event that fails leaves its neighbours alone."""
    # Locked before asked: whoever posts the same event at this moment has committed by then, or
    # both would find it unknown and the second would break on the first one's journal.
    book = await transaction.open_book(events, now)
    known = await transaction.known(events)
    seen = {key: stored.fingerprint for key, stored in known.items()}
    results: list[PostResult] = []
    for event in events:
        results.append(_post_once(book, event, seen))
    outcomes = [result for result in results if isinstance(result, EventOutcome)]
    if outcomes:
        await transaction.store(book, outcomes, now)
    return results


def _post_once(
    book: PostingBook, event: FinanceEvent, seen: dict[tuple[str, str], bytes]
) -> PostResult:
    key, print_ = (event.tenant, event.key), fingerprint(event)
    if key in seen:
        # Without a hash the event was superseded before it came, or stored by an older version.
        return None if seen[key] in (print_, b"") else FinanceEventConflict(event.key)
    try:
        posted = book.post(event)
    except DomainError as error:
        return error
    seen[key] = print_
    return replace(outcome_of(event, posted), fingerprint=print_)


def outcome_of(event: FinanceEvent, posted: Posted | Hold) -> EventOutcome:
    """What posting or simulating an event came to."""
    if isinstance(posted, Hold):
        return EventOutcome(event, event.facts, hold=posted, state=HELD)
    return EventOutcome(
        event,
        posted.facts,
        posted.journals,
        state=posted.state,
        rule_set=posted.rule_set,
        changed=posted.changed,
    )
