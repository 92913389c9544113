"""What closing and opening periods needs of the outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from tandem_core.errors import NotFound

from tandem_finance_posting.domain.close_check import Blocker, CloseScope, JudgedBooks
from tandem_finance_posting.domain.period import Period, PeriodCalendar
from tandem_finance_posting.domain.period_change import (
    BooksThen,
    Decision,
    LedgerKey,
    PeriodChange,
)


@dataclass(frozen=True)
class AssertedBlocker:
    """Something another service has found; ``amount_minor`` in minor units of its currency."""

    ref: str
    detail: str
    amount_minor: int = 0
    currency_code: str = ""


class PeriodTransaction(Protocol):
    """The rows of periods inside one open transaction."""

    async def calendar_alone(self, ledger: LedgerKey) -> PeriodCalendar:
        """The calendar of a ledger; nothing is posted to it until the transaction ends."""
        ...

    async def calendar(self, ledger: LedgerKey) -> PeriodCalendar:
        """The calendar of a ledger as it stands; it may change the next moment."""
        ...

    async def judge_books(self, scope: CloseScope) -> JudgedBooks:
        """What blocks in the lines of the books, up to some journal; long, and without a lock."""
        ...

    async def blockers(self, scope: CloseScope, judged: JudgedBooks) -> list[Blocker]:
        """Everything that keeps a period from being closed, its ledger locked; the books are judged
        again only when journals of the scope were posted since."""
        ...

    async def books_now(self, ledger: LedgerKey, period: Period) -> BooksThen:
        """The end of the chain and the hash of a period's balances."""
        ...

    async def was_closed(self, ledger: LedgerKey, period: Period) -> bool:
        """True when a period was closed at some time."""
        ...

    async def store(self, ledger: LedgerKey, period: Period) -> int:
        """Writes a period; its new version, from 1."""
        ...

    async def change(self, tenant: str, change_id: str) -> PeriodChange | None:
        """A step, its ledger locked as by ``calendar_alone``; None when there is none."""
        ...

    async def save_change(self, change: PeriodChange) -> None:
        """Writes a step. Raises PeriodMoveRefused for a second open proposal of a period."""
        ...

    async def assert_blockers(
        self, scope: CloseScope, source: str, found: Sequence[AssertedBlocker], now: datetime
    ) -> None:
        """Replaces what one source said of a period."""
        ...

    def tell(
        self, ledger: LedgerKey, period: Period, version: int, change: PeriodChange | None,
        now: datetime,
    ) -> None:  # fmt: skip
        """Tells that a period has changed."""
        ...


@dataclass(frozen=True)
class PeriodName:
    """A period by its name."""

    ledger: LedgerKey
    code: str

    def of(self, calendar: PeriodCalendar, today: date) -> Period:
        """The period as of a day. Raises NotFound."""
        found = calendar.named(self.code, today)
        if found is None:
            raise NotFound("period", self.code)
        return found


@dataclass(frozen=True)
class MovedPeriod:
    """A period after a step."""

    period: Period
    change: PeriodChange


async def carry_out(
    transaction: PeriodTransaction, change: PeriodChange, decision: Decision
) -> MovedPeriod:
    """Stores a step that is allowed, with what the books are now, and tells of it."""
    books = await transaction.books_now(change.ledger, change.period)
    done = change.done(decision, books)
    version = await transaction.store(change.ledger, done.changed)
    await transaction.save_change(done)
    transaction.tell(change.ledger, done.changed, version, done, decision.at)
    return MovedPeriod(done.changed, done)
