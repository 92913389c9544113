"""Replaces a posted event by its next revision, in one transaction."""

from __future__ import annotations

from datetime import datetime

from tandem_core.errors import DomainError, NotFound

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.domain.finance_event import FinanceEvent


async def correct_event(
    store: AdjustmentStore, event: FinanceEvent, now: datetime
) -> EventOutcome | None:
    """What became of the revision; None when it was posted before. Raises NotFound when there is
    nothing to correct, and what posting raises."""
    if event.revision < 2 or not await store.earlier_revision(event):
        raise NotFound("finance event", event.key_of(max(1, event.revision - 1)))
    (result,) = await post_finance_events(store.posting, [event], now)
    if isinstance(result, DomainError):
        raise result
    return result
