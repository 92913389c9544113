"""Balances kept beside the lines are their sum, whoever posts at once and whatever the dates."""

from __future__ import annotations

import asyncio
import random
from datetime import date, datetime, timedelta

from .journals_under_test import NOW, JournalsUnderTest

KEPT = """
    SELECT legal_entity, book, role, currency_code, accounting_date, original_date, recorded_date,
           debit_minor, credit_minor, functional_debit_minor, functional_credit_minor
    FROM ledger_balance ORDER BY 1, 2, 3, 4, 5, 6, 7
"""
OF_LINES = """
    SELECT l.legal_entity, l.book, l.role, l.currency_code, l.accounting_date, j.original_date,
           (j.recorded_at AT TIME ZONE 'UTC')::date,
           coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'DEBIT'), 0),
           coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'CREDIT'), 0),
           coalesce(sum(l.functional_minor) FILTER (WHERE l.side = 'DEBIT'), 0),
           coalesce(sum(l.functional_minor) FILTER (WHERE l.side = 'CREDIT'), 0)
    FROM journal_line l JOIN journal j ON j.tenant = l.tenant AND j.id = l.journal_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
"""
DAYS = """
    SELECT accounting_date, original_date, recorded_date, sum(journals)
    FROM ledger_day GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
OF_JOURNALS = """
    SELECT accounting_date, original_date, (recorded_at AT TIME ZONE 'UTC')::date, count(*)
    FROM journal GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
ROLES = ("BANK", "AR_ORDER", "REV_PRODUCT", "COGS", "INVENTORY")
CLOSE_TO_MIDNIGHT = datetime(2026, 3, 20, 23, 59, 59, 999_999, tzinfo=NOW.tzinfo)


async def test_balances_are_the_sum_of_their_lines_when_many_post_at_once(
    books: JournalsUnderTest,
) -> None:
    chance = random.Random(7)

    def some(count: int) -> list[object]:
        return [
            books.journal(
                *chance.sample(ROLES, 2), chance.randrange(1, 10**6),
                legal_entity=chance.choice(("US01", "DE01")), book=chance.choice(("MAIN", "MEMO")),
                original=date(2026, 3, 1) - timedelta(days=chance.randrange(40)),
                accounting=date(2026, 3, 1) + timedelta(days=chance.randrange(3)),
            )
            for _ in range(count)
        ]  # fmt: skip

    batches = [some(chance.randrange(1, 9)) for _ in range(24)]
    times = (NOW, CLOSE_TO_MIDNIGHT, NOW + timedelta(days=1))
    await asyncio.gather(
        *(books.write(*batch, now=times[n % 3]) for n, batch in enumerate(batches))  # type: ignore[arg-type]  # journals
    )
    assert await books.rows(KEPT) == await books.rows(OF_LINES)
    assert await books.rows(DAYS) == await books.rows(OF_JOURNALS)


async def test_a_posting_that_is_rolled_back_leaves_no_balance(books: JournalsUnderTest) -> None:
    from .journals_under_test import write_in

    async with books.units() as uow:
        await write_in(uow.connection, [books.journal()], NOW)
    assert await books.rows(KEPT) == []
    assert await books.rows(DAYS) == []


async def test_sums_beyond_64_bits_are_kept(books: JournalsUnderTest) -> None:
    await books.write(books.journal(amount=10**15))
    await books.alter("UPDATE ledger_balance SET debit_minor = 10::numeric ^ 18 * 9.3")
    await books.write(books.journal(amount=10**15))
    (bank,) = await books.rows("SELECT debit_minor FROM ledger_balance WHERE role = 'BANK'")
    assert bank[0] == 93 * 10**17 + 10**15
