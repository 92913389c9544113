"""Stores a manual journal for a second person, and shows what it would post."""

from __future__ import annotations

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.rule_ports import Actor
from tandem_finance_posting.application.simulate_posting import simulate_posting
from tandem_finance_posting.domain.adjusting_events import manual_journal
from tandem_finance_posting.domain.adjustment import Adjustment


async def propose_manual_journal(
    store: AdjustmentStore, adjustment: Adjustment, by: Actor
) -> EventOutcome:
    """What it would post now. Raises FinanceFactInvalid, JournalUnbalanced; then nothing is
    stored."""
    event = manual_journal(by.tenant, adjustment, approved=False)
    shown = await simulate_posting(store.posting, event, by.now)
    await store.add(adjustment)
    return shown
