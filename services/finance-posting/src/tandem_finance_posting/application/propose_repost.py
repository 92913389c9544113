"""Proposes to post events anew by the rules in force."""

from __future__ import annotations

from datetime import date

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.domain.adjustment import Adjustment
from tandem_finance_posting.domain.errors import RepostTooLarge

EVENTS_MAX = 500
"""Events of one reposting: they are taken back and posted in one transaction."""


async def propose_repost(store: AdjustmentStore, adjustment: Adjustment) -> tuple[Adjustment, int]:
    """The stored proposal and how many events it holds now. Raises RepostTooLarge."""
    keys = await keys_of(store, adjustment)
    await store.add(adjustment)
    return adjustment, len(keys)


async def keys_of(store: AdjustmentStore, adjustment: Adjustment) -> list[str]:
    """Keys of the events it is about. Raises RepostTooLarge."""
    document = adjustment.document
    days = date.fromisoformat(document["from_date"]), date.fromisoformat(document["to_date"])
    keys = await store.keys_to_repost(document["legal_entity"], document["event_type"], days)
    if len(keys) > EVENTS_MAX:
        raise RepostTooLarge(len(keys), EVENTS_MAX)
    return list(keys)
