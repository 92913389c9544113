"""Posting while periods close and open again, against a second model of the calendar.

Goal: no journal ever counts in a period that does not take it, and the day it happened stays.
Method: random events, steps and releases through the real engine; the model knows only months and
states and says for each event on which day it counts. Left out: races, which
`test_periods_on_postgres.py` covers.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from tandem_core.clock import FixedClock
from tandem_core.ids import Uuid7Factory
from tandem_finance_posting.adapters.postgres.period_transaction import PostgresPeriodTransaction
from tandem_finance_posting.application.approve_reopen_period import (
    ApproveReopenPeriod,
    approve_reopen_period,
)
from tandem_finance_posting.application.close_period import ClosePeriod, close_period
from tandem_finance_posting.application.period_ports import PeriodName
from tandem_finance_posting.application.reopen_period import ReopenPeriod, reopen_period
from tandem_finance_posting.application.soft_close_period import SoftClosePeriod, soft_close_period
from tandem_finance_posting.domain.close_check import ClosePolicy
from tandem_finance_posting.domain.errors import CloseBlocked, PeriodMoveRefused
from tandem_finance_posting.domain.period_change import Decision
from tandem_finance_posting.entrypoints.seal_loop import Sealer

from .journals_under_test import LEDGER, NOW, JournalsUnderTest
from .test_posting_on_postgres import event, post, release

IDS = Uuid7Factory()
MONTHS = ["2025-12", "2026-01", "2026-02", "2026-03", "2026-04"]
NOTHING_CLEARS = ClosePolicy(frozenset(), frozenset(), frozenset())
ANN, BOB = Decision("ann", NOW), Decision("bob", NOW)
EVENTS, STEPS = 60, 40


@dataclass
class Model:
    """Months and their states; today is in March 2026."""

    steps: dict[str, str] = field(default_factory=dict)

    def state(self, month: str) -> str:
        if month in self.steps:
            return self.steps[month]
        later = [self.steps.get(m) for m in MONTHS if m > month]
        for shut in ("CLOSED", "SOFT_CLOSED"):
            if shut in later:
                return shut
        return "FUTURE" if month > "2026-03" else "OPEN"

    def counts_on(self, day: date) -> date | None:
        month = f"{day:%Y-%m}"
        if self.state(month) == "OPEN":
            return day
        for later in MONTHS:
            if later > month and self.state(later) == "OPEN":
                return date.fromisoformat(f"{later}-01")
        return None


async def close(books: JournalsUnderTest, month: str) -> str:
    await Sealer(books.units, FixedClock(NOW), rows_max=500, linger_s=0.0).seal()
    command = ClosePeriod(IDS.new_id(), PeriodName(LEDGER, month), ANN)
    async with books.units() as uow:
        await close_period(PostgresPeriodTransaction(uow, NOTHING_CLEARS), command)
        await uow.commit()
    return "CLOSED"


async def soft_close(books: JournalsUnderTest, month: str) -> str:
    command = SoftClosePeriod(IDS.new_id(), PeriodName(LEDGER, month), ANN)
    async with books.units() as uow:
        await soft_close_period(PostgresPeriodTransaction(uow, NOTHING_CLEARS), command)
        await uow.commit()
    return "SOFT_CLOSED"


async def reopen(books: JournalsUnderTest, month: str) -> str:
    async with books.units() as uow:
        transaction = PostgresPeriodTransaction(uow, NOTHING_CLEARS)
        change = await reopen_period(
            transaction, ReopenPeriod(IDS.new_id(), PeriodName(LEDGER, month), ANN)
        )
        await approve_reopen_period(transaction, ApproveReopenPeriod("t", change.id, BOB))
        await uow.commit()
    return "OPEN"


ACTS: list[Callable[[JournalsUnderTest, str], Awaitable[str]]] = [close, soft_close, reopen]


async def step(books: JournalsUnderTest, model: Model, chance: random.Random) -> None:
    month = chance.choice(MONTHS)
    try:
        model.steps[month] = await chance.choice(ACTS)(books, month)
    except (CloseBlocked, PeriodMoveRefused):
        return


@pytest.mark.parametrize("seed", range(4))
async def test_no_journal_counts_in_a_period_that_does_not_take_it(
    books: JournalsUnderTest, seed: int
) -> None:
    chance, model = random.Random(seed), Model()
    expected: dict[str, tuple[date, date]] = {}
    held: dict[str, date] = {}
    acts = ["event"] * EVENTS + ["step"] * STEPS
    chance.shuffle(acts)
    for number, act in enumerate(acts):
        if act == "step":
            await step(books, model, chance)
            await release(books.units)
        else:
            day = date(2025, 12, 1) + timedelta(days=chance.randrange(140))
            name = f"e{number}"
            facts = {"amount": 100 + number}
            captured = replace(event("payment.captured", name, facts), original_date=day)
            await post(books.units, [captured])
            held[name] = day
        for name, day in list(held.items()):
            counts = model.counts_on(day)
            if counts is not None:
                expected[name] = (day, counts)
                del held[name]
    found = await books.rows(
        "SELECT split_part(event_key, ':', 3), original_date, accounting_date, late_reason "
        "FROM journal"
    )
    assert {row[0]: (row[1], row[2]) for row in found} == expected
    assert all((row[3] == "") == (row[1] == row[2]) for row in found)
    waiting = await books.rows(
        "SELECT split_part(event_key, ':', 3), hold_gate FROM finance_event WHERE state = 'HELD'"
    )
    assert dict(waiting) == dict.fromkeys(held, "G6_PERIOD_UNKNOWN")
    assert any(original != counts for original, counts in expected.values())
