"""Evaluates a version on real history beside what is in force, and keeps the evidence."""

from __future__ import annotations

from dataclasses import replace

from tandem_finance_posting.application.rule_ports import HistoryRange, RuleSetStore
from tandem_finance_posting.domain.rule_comparison import RuleComparison
from tandem_finance_posting.domain.rule_set_version import RuleSetVersion


async def compare_rule_sets(
    store: RuleSetStore, which: tuple[str, int], wanted: HistoryRange
) -> RuleSetVersion:
    """The version with what differs. Raises NotFound, RuleSetDecided."""
    found = await store.locked(*which)
    found.check_open()
    catalogue = await store.catalogue()
    comparison = RuleComparison(catalogue.in_force, store.proved(found.source))
    async for page in store.history(wanted):
        for event in page:
            comparison.add(event)
    days = {"from_date": wanted.first.isoformat(), "to_date": wanted.last.isoformat()}
    compared = replace(found, compared={**days, **comparison.result()})
    await store.keep_comparison(compared)
    return compared
