"""What counts late is told when it is material, once, and again when it has doubled."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import FixedClock
from tandem_finance_posting.domain.close_check import ClosePolicy
from tandem_finance_posting.entrypoints.late_posting_loop import LatePostings

from .journals_under_test import NOW, JournalsUnderTest

POLICY = ClosePolicy(frozenset(), frozenset(), frozenset({"REV_PRODUCT", "COGS"}))
CLOSED = """
    INSERT INTO accounting_period
    VALUES ('t', 'US01', 'MAIN', '2026-02', '2026-02-01', '2026-02-28', 'CLOSED', 1)
"""
TOLD = """
    SELECT agg_id, agg_version FROM event_journal WHERE type LIKE '%LatePostingMaterial'
    ORDER BY agg_version
"""


async def policy_of(connection: AsyncConnection, tenant: str, day: date) -> ClosePolicy:
    return POLICY


async def test_late_amounts_are_told_above_the_limit_and_again_when_they_double(
    books: JournalsUnderTest,
) -> None:
    late = LatePostings(books.units, policy_of, FixedClock(NOW), limit_minor=1_000)

    async def sell(amount: int) -> int:
        await books.write(
            books.journal(
                "BANK", "REV_PRODUCT", amount,
                original=date(2026, 2, 20), accounting=date(2026, 3, 1),
            )
        )  # fmt: skip
        return await late.look()

    assert await sell(400) == 0
    await books.alter(CLOSED)
    assert await late.look() == 0
    assert await sell(600) == 0, "at the limit"
    assert await sell(100) == 1
    assert await sell(500) == 0, "not doubled since it was told"
    assert await sell(700) == 1
    name = "US01/MAIN/2026-02-01/USD"
    assert await books.rows(TOLD) == [(name, 1), (name, 2)]


async def test_what_is_late_in_an_open_period_is_no_news(books: JournalsUnderTest) -> None:
    late = LatePostings(books.units, policy_of, FixedClock(NOW), limit_minor=1_000)
    await books.alter(CLOSED)
    await books.write(
        books.journal(
            "BANK", "REV_PRODUCT", 9_000, original=date(2026, 3, 2), accounting=date(2026, 3, 3)
        )
    )
    assert await late.look() == 0
