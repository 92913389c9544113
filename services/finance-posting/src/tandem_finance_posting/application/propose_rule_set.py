"""Proposes a version of a rule set: proved first, stored for a second person."""

from __future__ import annotations

import hashlib

from tandem_finance_posting.application.rule_ports import Actor, RuleSetStore
from tandem_finance_posting.domain.errors import RuleSetVersionMismatch
from tandem_finance_posting.domain.rule_set_version import RuleSetVersion


async def propose_rule_set(
    store: RuleSetStore, source: str, change_ref: str, by: Actor
) -> RuleSetVersion:
    """The stored proposal. Raises PostingRuleInvalid, RuleSetVersionMismatch."""
    rules = store.proved(source)
    expected = await store.newest_version(rules.name) + 1
    if rules.version != expected:
        raise RuleSetVersionMismatch(rules.name, str(expected), str(rules.version))
    version = RuleSetVersion(
        name=rules.name,
        version=rules.version,
        effective_from=rules.effective_from,
        source=source,
        diff_hash=hashlib.sha256(source.encode()).hexdigest(),
        change_ref=change_ref,
        maker=by.subject,
        proposed_at=by.now,
        rule_count=len(rules.rules),
    )
    await store.save(version, "PROPOSED")
    return version
