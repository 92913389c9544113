"""What the life of rule sets needs of the outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_comparison import StoredEvent
from tandem_finance_posting.domain.rule_set import RuleSet
from tandem_finance_posting.domain.rule_set_version import RuleSetVersion


@dataclass(frozen=True)
class Actor:
    """Who does it, for whom, and when."""

    tenant: str
    subject: str
    now: datetime


@dataclass(frozen=True)
class HistoryRange:
    """Stored events by original date, both days inside; newest first, at most ``events_max``."""

    first: date
    last: date
    events_max: int


class RuleSetStore(Protocol):
    """Versions of a tenant inside one open transaction."""

    def proved(self, source: str) -> RuleSet:
        """The rule set of a source. Raises PostingRuleInvalid."""
        ...

    async def catalogue(self) -> RuleCatalogue:
        """What is in force."""
        ...

    async def newest_version(self, name: str) -> int:
        """The highest version of a set, decided or not; versions are taken one at a time."""
        ...

    async def locked(self, name: str, version: int) -> RuleSetVersion:
        """A stored version. Raises NotFound."""
        ...

    async def save(self, version: RuleSetVersion, what: str) -> None:
        """Writes it and tells that it was proposed, activated or rejected (``what``)."""
        ...

    async def keep_comparison(self, version: RuleSetVersion) -> None:
        """Writes its evidence."""
        ...

    def history(self, wanted: HistoryRange) -> AsyncIterator[Sequence[StoredEvent]]:
        """Posted events in pages."""
        ...
