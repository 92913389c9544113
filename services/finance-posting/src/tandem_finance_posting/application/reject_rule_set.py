"""Refuses a proposed version, or lets its maker withdraw it."""

from __future__ import annotations

from tandem_finance_posting.application.rule_ports import Actor, RuleSetStore
from tandem_finance_posting.domain.rule_set_version import RuleSetVersion


async def reject_rule_set(
    store: RuleSetStore, which: tuple[str, int], reason: str, by: Actor
) -> RuleSetVersion:
    """The rejected version. Raises NotFound, RuleSetDecided."""
    found = await store.locked(*which)
    rejected = found.rejected(by.subject, reason, by.now)
    await store.save(rejected, "REJECTED")
    return rejected
