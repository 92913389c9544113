"""Posts finance events set-based in one transaction; each key once, whatever is delivered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from tandem_core.errors import DomainError

from tandem_finance_posting.application.ports import EventOutcome, PostingTransaction
from tandem_finance_posting.domain.errors import FinanceEventConflict
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.posting_rule import RuleSet

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
        "moves": [repr(move) for move in (*event.issues, *event.returns, *event.receipts)],
    }
    return hashlib.sha256(_CANONICAL.encode(content).encode()).digest()


async def post_finance_events(
    transaction: PostingTransaction,
    events: Sequence[FinanceEvent],
    rules: RuleSet,
    now: datetime,
) -> list[PostResult]:
    """Posts or holds each event in order; an event that fails leaves its neighbours alone."""
    # Locked before asked: whoever posts the same event at this moment has committed by then, or
    # both would find it unknown and the second would break on the first one's journal.
    book = await transaction.open_book(events, rules)
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
        return None if seen[key] == print_ else FinanceEventConflict(event.key)
    try:
        posted = book.post(event)
    except DomainError as error:
        return error
    seen[key] = print_
    if isinstance(posted, Hold):
        return EventOutcome(event, event.facts, hold=posted, fingerprint=print_)
    return EventOutcome(event, posted.facts, posted.journals, fingerprint=print_)
