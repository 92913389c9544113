"""Posts events anew: generation g is taken back, g + 1 is posted, all or nothing."""

from __future__ import annotations

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.post_finance_events import outcome_of
from tandem_finance_posting.application.propose_repost import keys_of
from tandem_finance_posting.application.rule_ports import Actor
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind


async def approve_repost(
    store: AdjustmentStore, adjustment_id: str, by: Actor
) -> tuple[Adjustment, list[EventOutcome]]:
    """The decision and what was posted. Raises NotFound, AdjustmentDecided, SelfApproval,
    RepostTooLarge, ReversalRefused, and what posting raises."""
    found = await store.locked(AdjustmentKind.REPOST, adjustment_id)
    approved = found.approved(by.subject, by.now)
    keys = [(by.tenant, key) for key in await keys_of(store, approved)]
    book = await store.posting.open_posted(keys, by.now)
    outcomes = []
    for key in keys:
        event = book.prior[key].event
        posted = book.repost(key)
        if posted is not None:
            outcomes.append(outcome_of(event, posted))
    if outcomes:
        await store.posting.store(book, outcomes, by.now)
    done = approved.with_journals([x.id for o in outcomes for x in o.journals])
    await store.save(done)
    return done, outcomes
