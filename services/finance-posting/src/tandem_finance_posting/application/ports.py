"""What posting needs of the outside, in its own terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.journal import Journal
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.reversal import POSTED


@dataclass(frozen=True)
class KnownEvent:
    """An event stored before."""

    fingerprint: bytes
    state: str = POSTED


@dataclass(frozen=True)
class EventOutcome:
    """What became of an event: posted with journals, or held."""

    event: FinanceEvent
    facts: Facts
    journals: tuple[Journal, ...] = ()
    hold: Hold | None = None
    released: bool = False
    """True when the event was held before and is posted now."""
    fingerprint: bytes = b""
    """Hash of what decides the journals; stored with the event."""
    state: str = POSTED
    """POSTED, HELD, NOT_POSTABLE or SUPERSEDED."""
    rule_set: str = ""
    changed: tuple[tuple[str, str], ...] = ()
    """Keys and new states of events this one undid or replaced."""


@dataclass(frozen=True)
class HeldEvent:
    """An event that waits; ``place`` rises in order of acceptance."""

    place: int
    event: FinanceEvent


class PostingTransaction(Protocol):
    """The rows of posting inside one open transaction."""

    async def known(self, events: Sequence[FinanceEvent]) -> dict[tuple[str, str], KnownEvent]:
        """Events stored before, by (tenant, key)."""
        ...

    async def open_book(self, events: Sequence[FinanceEvent], now: datetime) -> PostingBook:
        """The state these events touch, its rows locked in a fixed order."""
        ...

    async def open_posted(self, keys: Sequence[tuple[str, str]], now: datetime) -> PostingBook:
        """The state of events posted before, to post them anew; ``prior`` holds them."""
        ...

    async def held(self, after: int, rows: int) -> list[HeldEvent]:
        """Held events behind a place, in order of acceptance."""
        ...

    async def store(
        self, book: PostingBook, outcomes: Sequence[EventOutcome], now: datetime
    ) -> None:
        """Writes events, journals and the book's state; events go to the journal of events."""
        ...
