"""Shows what posting would write: the same function, on the same state, without writing."""

from __future__ import annotations

from tandem_finance_posting.application.ports import EventOutcome, PostingTransaction
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.posting_rule import RuleSet


async def simulate_posting(
    transaction: PostingTransaction, event: FinanceEvent, rules: RuleSet
) -> EventOutcome:
    """The outcome the event would have now. Raises what posting would raise."""
    book = await transaction.open_book([event], rules)
    posted = book.post(event)
    if isinstance(posted, Hold):
        return EventOutcome(event, event.facts, hold=posted)
    return EventOutcome(event, posted.facts, posted.journals)
