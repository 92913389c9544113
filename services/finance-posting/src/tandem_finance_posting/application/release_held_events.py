"""Posts held events whose missing fact has arrived, in order of acceptance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tandem_core.errors import DomainError

from tandem_finance_posting.application.ports import EventOutcome, PostingTransaction
from tandem_finance_posting.application.post_finance_events import fingerprint
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.posting_rule import RuleSet


@dataclass(frozen=True)
class Released:
    """One page of held events judged anew."""

    posted: int
    refused: tuple[tuple[FinanceEvent, DomainError], ...]
    """Events posting refused; they stay held and keep their place."""
    next_after: int | None
    """Place of the page's last event; None when it was the last page."""


@dataclass
class HeldKeys:
    """What still waits before the page: a later event must not overtake an earlier one of the
    same SKU or order, also when that one was judged on a page before."""

    skus: set[tuple[str, str, str]] = field(default_factory=set)
    orders: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class ReleaseHeldEvents:
    """One round over all held events in pages of ``rows_max``; ``waiting`` grows from page to
    page. Without pages, events that can never be posted would shut out those behind them."""

    rules: RuleSet
    rows_max: int
    waiting: HeldKeys = field(default_factory=HeldKeys)

    async def page(self, transaction: PostingTransaction, after: int, now: datetime) -> Released:
        """Judges one page in one transaction."""
        held = await transaction.held(after, self.rows_max)
        events = [item.event for item in held]
        book = await transaction.open_book(events, self.rules)
        book.held_skus, book.held_orders = set(self.waiting.skus), set(self.waiting.orders)
        posted, refused = self._judge(book, events)
        if posted:
            await transaction.store(book, posted, now)
        self.waiting = HeldKeys(book.held_skus, book.held_orders)
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
                book.note_hold(event)
                refused.append((event, error))
                continue
            if not isinstance(found, Hold):
                print_ = fingerprint(event)
                posted.append(EventOutcome(event, found.facts, found.journals, None, True, print_))
        return posted, refused
