"""Posts held events whose missing fact has arrived, in order of acceptance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tandem_core.errors import DomainError

from tandem_finance_posting.application.ports import EventOutcome, PostingTransaction
from tandem_finance_posting.application.post_finance_events import fingerprint, outcome_of
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.posting_book import PostingBook


@dataclass(frozen=True)
class Released:
    """One page of held events judged anew."""

    posted: int
    refused: tuple[tuple[FinanceEvent, DomainError], ...]
    """Events posting refused; they stay held and keep their place."""
    next_after: int | None
    """Place of the page's last event; None when it was the last page."""


@dataclass(frozen=True)
class ReleaseHeldEvents:
    """One round over all held events in pages of ``rows_max``. Without pages, events that can never
    be posted would shut out those behind them; which may not be overtaken is in the book."""

    rows_max: int

    async def page(self, transaction: PostingTransaction, after: int, now: datetime) -> Released:
        """Judges one page in one transaction."""
        held = await transaction.held(after, self.rows_max)
        events = [item.event for item in held]
        book = await transaction.open_book(events, now)
        posted, refused = self._judge(book, events)
        if posted:
            await transaction.store(book, posted, now)
        last = held[-1].place if len(held) == self.rows_max else None
        return Released(len(posted), tuple(refused), last)

    @staticmethod
    def _judge(
        book: PostingBook, events: Sequence[FinanceEvent]
    ) -> tuple[list[EventOutcome], list[tuple[FinanceEvent, DomainError]]]:
        posted, refused = [], []
        for event in events:
            try:
                found = book.post(event)
            except DomainError as error:
                refused.append((event, error))
                continue
            if not isinstance(found, Hold):
                outcome = outcome_of(event, found)
                posted.append(replace(outcome, released=True, fingerprint=fingerprint(event)))
        return posted, refused
