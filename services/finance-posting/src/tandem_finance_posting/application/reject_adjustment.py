"""Refuses a proposal, or lets its maker withdraw it."""

from __future__ import annotations

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.application.rule_ports import Actor
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind


async def reject_adjustment(
    store: AdjustmentStore, which: tuple[AdjustmentKind, str], reason: str, by: Actor
) -> Adjustment:
    """The decision. Raises NotFound, AdjustmentDecided."""
    found = await store.locked(*which)
    rejected = found.rejected(by.subject, reason, by.now)
    await store.save(rejected)
    return rejected
