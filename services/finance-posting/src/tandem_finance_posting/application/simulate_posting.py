"""Shows what posting would write: the same function, on the same state, without writing."""

from __future__ import annotations

from datetime import datetime

from tandem_finance_posting.application.ports import EventOutcome, PostingTransaction
from tandem_finance_posting.application.post_finance_events import outcome_of
from tandem_finance_posting.domain.finance_event import FinanceEvent


async def simulate_posting(
    transaction: PostingTransaction, event: FinanceEvent, now: datetime
) -> EventOutcome:
    """The outcome the event would have now. Raises what posting would raise."""
    book = await transaction.open_book([event], now)
    return outcome_of(event, book.post(event))
