"""Delivers events to a book held in memory, through the same use cases as the service."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from tandem_core.errors import DomainError
from tandem_finance_posting.application.ports import EventOutcome, HeldEvent, KnownEvent
from tandem_finance_posting.application.post_finance_events import PostResult, post_finance_events
from tandem_finance_posting.application.release_held_events import ReleaseHeldEvents
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.journal import Journal
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.rule_set import RuleSet

from .life_cycle import new_book

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
ROUNDS_MAX = 200
T = TypeVar("T")


def finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that waits for nothing; an event loop may be running or not."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits for something outside")


@dataclass
class Ledger:
    """Everything posted so far; a transaction that never ends and needs no locks."""

    book: PostingBook
    fingerprints: dict[tuple[str, str], bytes] = field(default_factory=dict)
    waiting: dict[tuple[str, str], HeldEvent] = field(default_factory=dict)
    journals: list[Journal] = field(default_factory=list)
    seen: Callable[[Ledger], None] = lambda _: None
    """Called whenever something was written."""

    @classmethod
    def empty(cls, rules: RuleSet) -> Ledger:
        return cls(new_book(rules))

    async def known(self, events: Sequence[FinanceEvent]) -> dict[tuple[str, str], KnownEvent]:
        keys = {(event.tenant, event.key) for event in events}
        return {k: KnownEvent(print_) for k, print_ in self.fingerprints.items() if k in keys}

    async def open_book(self, events: Sequence[FinanceEvent], now: datetime) -> PostingBook:
        return self.book

    async def held(self, after: int, rows: int) -> list[HeldEvent]:
        behind = [item for item in self.waiting.values() if item.place > after]
        return sorted(behind, key=lambda item: item.place)[:rows]

    async def store(
        self, book: PostingBook, outcomes: Sequence[EventOutcome], now: datetime
    ) -> None:
        for outcome in outcomes:
            key = (outcome.event.tenant, outcome.event.key)
            self.fingerprints[key] = outcome.fingerprint
            if outcome.hold is not None:
                place = len(self.fingerprints)
                self.waiting.setdefault(key, HeldEvent(place, outcome.event))
            else:
                self.waiting.pop(key, None)
                self.journals.extend(outcome.journals)
                self.seen(self)

    def deliver(self, events: Iterable[FinanceEvent], *, release: bool = True) -> list[PostResult]:
        """Posts events in the order they come; what waited is judged again until nothing moves."""
        results = finished(post_finance_events(self, list(events), NOW))
        for _ in range(ROUNDS_MAX if release else 0):
            if not finished(ReleaseHeldEvents(1_000).page(self, 0, NOW)).posted:
                break
        return results

    def refused(self, events: Iterable[FinanceEvent]) -> list[DomainError]:
        return [x for x in self.deliver(events) if isinstance(x, DomainError)]

    def balances(self, *by: str, entity: str = "") -> dict[str, int]:
        """Debit less credit by role, or by role and dimensions; nothing is left out but zero."""
        total: dict[str, int] = {}
        for journal in self.journals:
            if entity in ("", journal.legal_entity):
                for line in journal.lines:
                    name = "/".join([line.role, *(line.dimensions.get(x, "") for x in by)])
                    total[name] = total.get(name, 0) + line.amount * line.side.sign
        return {name: amount for name, amount in total.items() if amount}
