"""Puts a proposed version in force: a second person, on the evidence of a comparison."""

from __future__ import annotations

from tandem_finance_posting.application.rule_ports import Actor, RuleSetStore
from tandem_finance_posting.domain.rule_set_version import RuleSetVersion


async def approve_rule_set(
    store: RuleSetStore, which: tuple[str, int], diff_hash: str, by: Actor
) -> RuleSetVersion:
    """The active version. Raises NotFound, RuleSetDecided, SelfApproval, RuleSetVersionMismatch,
    RuleSetNotCompared."""
    found = await store.locked(*which)
    approved = found.approved(by.subject, diff_hash, by.now)
    await store.save(approved, "ACTIVATED")
    return approved
