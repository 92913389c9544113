"""Versions of a tenant's rule set over time: for every day exactly one is in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tandem_finance_posting.domain.errors import PostingRuleMissing
from tandem_finance_posting.domain.rule_set import RuleSet


@dataclass(frozen=True)
class RuleCatalogue:
    """Active versions, by the day they begin. A version ends where the next one begins, and of two
    that begin on one day the newer one counts: so there is neither gap nor overlap."""

    versions: tuple[RuleSet, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.versions, key=lambda x: (x.effective_from, x.version)))
        object.__setattr__(self, "versions", ordered)

    def in_force(self, day: date) -> RuleSet:
        """The version for an event of that day. Raises PostingRuleMissing before the first."""
        found = None
        for version in self.versions:
            if version.effective_from > day:
                break
            found = version
        if found is None:
            raise PostingRuleMissing(f"rule set on {day.isoformat()}", 0)
        return found

    def labelled(self, label: str) -> RuleSet | None:
        """The version a journal was made by, if it is still known."""
        return next((version for version in self.versions if version.label == label), None)

    @property
    def newest(self) -> RuleSet:
        """The version that is in force last."""
        return self.versions[-1]
