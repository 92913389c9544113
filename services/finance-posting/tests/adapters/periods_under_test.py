"""Steps in the life of periods as tests take them, and what tests see of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import TypeVar

import pytest
from tandem_core.clock import FixedClock
from tandem_core.ids import Uuid7Factory
from tandem_finance_posting.adapters.postgres import period_rows
from tandem_finance_posting.adapters.postgres.period_transaction import PostgresPeriodTransaction
from tandem_finance_posting.application.approve_reopen_period import (
    ApproveReopenPeriod,
    approve_reopen_period,
)
from tandem_finance_posting.application.close_period import ClosePeriod, close_period
from tandem_finance_posting.application.lock_period import LockPeriod, lock_period
from tandem_finance_posting.application.period_ports import MovedPeriod, PeriodName
from tandem_finance_posting.application.reopen_period import ReopenPeriod, reopen_period
from tandem_finance_posting.application.soft_close_period import (
    SoftClosePeriod,
    soft_close_period,
)
from tandem_finance_posting.domain.close_check import ClosePolicy
from tandem_finance_posting.domain.errors import (
    CloseBlocked,
)
from tandem_finance_posting.domain.period import PeriodState
from tandem_finance_posting.domain.period_change import Decision, PeriodChange
from tandem_finance_posting.entrypoints.seal_loop import Sealer

from .journals_under_test import LEDGER, NOW, TENANT, JournalsUnderTest

T = TypeVar("T")
IDS = Uuid7Factory()
TODAY = NOW.date()
POLICY = ClosePolicy(
    clear_by_order=frozenset({"AR_ORDER"}),
    clear_as_whole=frozenset({"PSP_CLEARING"}),
    results=frozenset({"REV_PRODUCT", "COGS"}),
)
ANN, BOB = Decision("ann", NOW, "month end"), Decision("bob", NOW, "agreed")
FEBRUARY = PeriodName(LEDGER, "2026-02")


async def within(
    books: JournalsUnderTest, act: Callable[[PostgresPeriodTransaction], Awaitable[T]]
) -> T:
    async with books.units() as uow:
        result = await act(PostgresPeriodTransaction(uow, POLICY))
        await uow.commit()
    return result


async def close(books: JournalsUnderTest, code: str = "2026-02") -> MovedPeriod:
    command = ClosePeriod(IDS.new_id(), PeriodName(LEDGER, code), ANN)
    return await within(books, lambda t: close_period(t, command))


async def lock(books: JournalsUnderTest, code: str = "2026-02") -> MovedPeriod:
    command = LockPeriod(IDS.new_id(), PeriodName(LEDGER, code), ANN)
    return await within(books, lambda t: lock_period(t, command))


async def soft_close(books: JournalsUnderTest, code: str = "2026-02") -> MovedPeriod:
    command = SoftClosePeriod(IDS.new_id(), PeriodName(LEDGER, code), ANN)
    return await within(books, lambda t: soft_close_period(t, command))


async def propose(books: JournalsUnderTest, adjustments_only: bool = False) -> PeriodChange:
    command = ReopenPeriod(IDS.new_id(), FEBRUARY, ANN, adjustments_only)
    return await within(books, lambda t: reopen_period(t, command))


async def approve(books: JournalsUnderTest, change_id: str, by: Decision = BOB) -> MovedPeriod:
    command = ApproveReopenPeriod(TENANT, change_id, by)
    return await within(books, lambda t: approve_reopen_period(t, command))


async def state_of(books: JournalsUnderTest, day: date) -> PeriodState | None:
    async with books.units.database.transaction() as connection:
        calendars = await period_rows.load_calendars(connection, [LEDGER])
    return calendars[LEDGER].period_of(day, TODAY).state


async def seal(books: JournalsUnderTest) -> None:
    await Sealer(books.units, FixedClock(NOW), rows_max=100, linger_s=0.0).seal()


async def refused_kinds(books: JournalsUnderTest) -> str:
    with pytest.raises(CloseBlocked) as refused:
        await close(books)
    return refused.value.blockers
