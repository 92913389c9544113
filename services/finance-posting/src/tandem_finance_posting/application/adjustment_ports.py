"""What adjustments need of the outside, inside one open transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from tandem_finance_posting.application.ports import PostingTransaction
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind
from tandem_finance_posting.domain.currency_rates import MonetaryItem, Pair, RateTable
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.reversal import Prior
from tandem_finance_posting.domain.rule_set import RuleSet


class AdjustmentStore(Protocol):
    """Proposals and what they read."""

    @property
    def posting(self) -> PostingTransaction:
        """Posting in the same transaction."""
        ...

    async def add(self, adjustment: Adjustment) -> None:
        """Stores a proposal."""
        ...

    async def locked(self, kind: AdjustmentKind, adjustment_id: str) -> Adjustment:
        """A proposal. Raises NotFound."""
        ...

    async def save(self, adjustment: Adjustment) -> None:
        """Writes its decision and result."""
        ...

    async def of_journal(self, journal_id: str) -> Prior:
        """The event of a journal with its journals that stand. Raises NotFound, and
        ReversalRefused for a journal that no event of its own stands for."""
        ...

    async def earlier_revision(self, event: FinanceEvent) -> bool:
        """True when an earlier revision of the event is known."""
        ...

    async def keys_to_repost(
        self, entity: str, event_type: str, days: tuple[date, date]
    ) -> Sequence[str]:
        """Keys of posted events of a range."""
        ...

    async def seal_rates(self, day: date, rates: dict[Pair, int]) -> list[Pair]:
        """Writes rates; gives the pairs that were sealed before at another rate."""
        ...

    async def rules(self, day: date) -> RuleSet:
        """The rule set in force."""
        ...

    async def rates(self, currencies: set[str], day: date) -> RateTable:
        """Sealed rates from these currencies that are good for a day."""
        ...

    async def open_items(self, entity: str) -> dict[tuple[str, str], MonetaryItem]:
        """Open items in foreign currency by role and currency, their ledgers locked."""
        ...
