"""Posts a proposed journal once another person has approved it."""

from __future__ import annotations

from tandem_core.errors import DomainError

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.application.rule_ports import Actor
from tandem_finance_posting.domain.adjusting_events import manual_journal
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind


async def approve_manual_journal(
    store: AdjustmentStore, adjustment_id: str, by: Actor
) -> tuple[Adjustment, EventOutcome | None]:
    """The decision and what was posted. Raises NotFound, AdjustmentDecided, SelfApproval, and what
    posting raises."""
    found = await store.locked(AdjustmentKind.MANUAL_JOURNAL, adjustment_id)
    approved = found.approved(by.subject, by.now)
    event = manual_journal(by.tenant, approved, approved=True)
    (result,) = await post_finance_events(store.posting, [event], by.now)
    if isinstance(result, DomainError):
        raise result
    done = approved.with_journals([x.id for x in result.journals] if result else [])
    await store.save(done)
    return done, result
