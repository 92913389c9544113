"""Takes back a journal with everything else its event posted and moved."""

from __future__ import annotations

from datetime import datetime

from tandem_core.errors import DomainError

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.domain.adjusting_events import voiding
from tandem_finance_posting.domain.errors import ReversalRefused


async def reverse_journal(
    store: AdjustmentStore, journal_id: str, reason: str, now: datetime
) -> EventOutcome:
    """What was posted. Raises NotFound, ReversalRefused."""
    prior = await store.of_journal(journal_id)
    (result,) = await post_finance_events(store.posting, [voiding(prior, reason)], now)
    if isinstance(result, DomainError):
        raise result
    if result is None:
        raise ReversalRefused(journal_id, "was reversed before")
    if result.hold is not None:
        raise ReversalRefused(journal_id, result.hold.detail)
    return result
