"""What keeps a period from being closed, and closing beside posting, on real Postgres."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from tandem_core.errors import ValidationFailed
from tandem_finance_posting.adapters.postgres import period_rows
from tandem_finance_posting.adapters.postgres.period_transaction import PostgresPeriodTransaction
from tandem_finance_posting.application.assert_close_blockers import (
    AssertCloseBlockers,
    assert_close_blockers,
)
from tandem_finance_posting.application.close_period import ClosePeriod, close_period
from tandem_finance_posting.application.period_ports import AssertedBlocker
from tandem_finance_posting.domain.close_check import BlockerKind, CloseScope
from tandem_finance_posting.domain.errors import (
    CloseBlocked,
    PeriodMoveRefused,
)
from tandem_testing.eventually import eventually

from .journals_under_test import LEDGER, NOW, JournalsUnderTest, write_in
from .periods_under_test import (
    ANN,
    FEBRUARY,
    IDS,
    POLICY,
    TODAY,
    approve,
    close,
    lock,
    propose,
    refused_kinds,
    seal,
    within,
)


async def test_a_period_is_not_closed_or_locked_before_an_earlier_one_that_was_opened_again(
    books: JournalsUnderTest,
) -> None:
    await close(books)
    await approve(books, (await propose(books)).id)
    with pytest.raises(CloseBlocked) as refused:
        await close(books, "2026-03")
    assert refused.value.blockers == "EARLIER_PERIOD_OPEN=1"
    await close(books)
    await close(books, "2026-03")
    with pytest.raises(PeriodMoveRefused):
        await lock(books, "2026-03")
    await lock(books)
    await lock(books, "2026-03")


HELD = """
    INSERT INTO finance_event (tenant, event_key, event_type, state, legal_entity, original_date,
        order_id, currency_code, fingerprint, facts, document, skus, hold_gate, hold_detail,
        accepted_at)
    VALUES ('t', 'k', 'shipment.confirmed', 'HELD', 'US01', '2026-02-27', 'o', 'USD', '',
            '{"amount"\\:500}', '{}', '{}', 'G4_COST_MISSING', '', now())
"""


async def test_held_events_of_the_period_block_its_close(books: JournalsUnderTest) -> None:
    await books.alter(HELD)
    assert await refused_kinds(books) == "HELD_EVENTS=1"
    await books.alter("UPDATE finance_event SET original_date = '2026-03-01'")
    await close(books)


async def test_journals_the_erp_has_not_acknowledged_block_where_books_are_exported(
    books: JournalsUnderTest,
) -> None:
    await books.write(books.journal("BANK", "CASH", day=date(2026, 2, 1)))
    await seal(books)
    await books.alter("INSERT INTO export_ledger VALUES ('t', 'US01', 'MAIN', 0, 0)")
    assert await refused_kinds(books) == "UNACKNOWLEDGED_EXPORTS=1"
    await books.alter(
        "INSERT INTO export_member (tenant, batch_id, journal_id, sequence, accounting_date, "
        "state) SELECT tenant, gen_random_uuid(), id, sequence, accounting_date, 'PENDING' "
        "FROM journal"
    )
    assert await refused_kinds(books) == "UNACKNOWLEDGED_EXPORTS=1"
    await books.alter("UPDATE export_member SET state = 'ACKED'")
    await close(books)


async def test_numbers_of_the_period_that_are_missing_block_its_close(
    books: JournalsUnderTest,
) -> None:
    await books.alter(
        "INSERT INTO source_sequence VALUES ('t', 'S1/1/2026-02-27', 'REGISTER', 'US01', 'S1', "
        "'1', '2026-02-27', '{[1,3),[4,6)}', '{}', '', NULL, now())"
    )
    assert await refused_kinds(books) == "SEQUENCE_GAPS=1"
    await books.alter("UPDATE source_sequence SET voided = '{[3,4)}'")
    await close(books)


async def test_unsealed_journals_and_a_broken_chain_block_the_close(
    books: JournalsUnderTest,
) -> None:
    await books.write(books.journal("BANK", "CASH", day=date(2026, 3, 1)))
    await books.write(books.journal("BANK", "CASH", day=date(2026, 2, 1)))
    assert await refused_kinds(books) == "UNSEALED_CHAIN=1"
    await seal(books)
    await books.alter("UPDATE seal_chain SET broken_at = 1, broken_why = 'x'")
    assert await refused_kinds(books) == "UNSEALED_CHAIN=1"
    await books.alter("UPDATE seal_chain SET broken_at = NULL")
    await close(books)


async def test_altered_balances_block_the_close(books: JournalsUnderTest) -> None:
    await books.write(books.journal("BANK", "CASH", day=date(2026, 2, 1)))
    await seal(books)
    await books.alter("UPDATE ledger_balance SET debit_minor = 1 WHERE role = 'BANK'")
    assert await refused_kinds(books) == "BALANCES_DIFFER=1"


async def test_roles_that_must_clear_block_when_what_they_hold_is_old(
    books: JournalsUnderTest,
) -> None:
    early, late = date(2026, 2, 5), date(2026, 2, 26)
    await books.write(
        books.journal("AR_ORDER", "REV_PRODUCT", 700, early, order_id="old"),
        books.journal("AR_ORDER", "REV_PRODUCT", 700, late, order_id="young"),
        books.journal("AR_ORDER", "REV_PRODUCT", 900, early, order_id="paid"),
        books.journal("BANK", "AR_ORDER", 900, late, order_id="paid"),
        books.journal("BANK", "AR_ORDER", 700, early, order_id="overpaid"),
        books.journal("AR_ORDER", "REV_PRODUCT", 60, early, order_id="trivial"),
        books.journal("PSP_CLEARING", "BANK", 5_000, early),
        books.journal("BANK", "PSP_CLEARING", 4_000, late),
    )
    await seal(books)
    # AR_ORDER as a whole is nearly zero: only the look at each order finds both.
    assert await refused_kinds(books) == "UNCLEARED_ROLES=1, UNCLEARED_ROLES=2"
    await books.write(
        books.journal("BANK", "PSP_CLEARING", 950, late),
        books.journal("BANK", "AR_ORDER", 700, late, order_id="old"),
        books.journal("AR_ORDER", "BANK", 700, late, order_id="overpaid"),
    )
    await seal(books)
    await close(books)


async def test_what_other_services_say_blocks_until_they_take_it_back(
    books: JournalsUnderTest,
) -> None:
    async def say(source: str, *refs: str) -> None:
        found = [AssertedBlocker(ref, "differs", 500, "USD") for ref in refs]
        command = AssertCloseBlockers(FEBRUARY, source, found)
        await within(books, lambda t: assert_close_blockers(t, command, NOW))

    await say("reconciliation", "x1", "x2")
    await say("audit", "a1")
    assert await refused_kinds(books) == "RECONCILIATION=1, RECONCILIATION=2"
    await say("reconciliation", "x2")
    assert await refused_kinds(books) == "RECONCILIATION=1, RECONCILIATION=1"
    with pytest.raises(ValidationFailed):
        await say("audit", "a1", "a1")
    await say("reconciliation")
    await say("audit")
    await close(books)


async def test_posting_and_closing_at_once_leave_no_journal_in_the_closed_period_unjudged(
    books: JournalsUnderTest,
) -> None:
    """Posters place by the calendar they hold; what is in the period when it closes was sealed."""
    placed: list[date] = []

    async def post(number: int) -> None:
        async with books.units() as uow:
            calendars = await period_rows.load_calendars(uow.connection, [LEDGER])
            place = calendars[LEDGER].place(date(2026, 2, 10), TODAY)
            assert place is not None
            await asyncio.sleep(0.002 * (number % 5))
            day = place.accounting_date
            journal = books.journal("BANK", "CASH", accounting=day, original=date(2026, 2, 10))
            await write_in(uow.connection, [journal], NOW)
            await uow.commit()
        placed.append(day)

    async def closing() -> None:
        for _ in range(200):
            await seal(books)
            try:
                moved = await close(books)
            except CloseBlocked:
                continue
            sealed.append(moved.change.books.balance_hash)
            return

    sealed: list[bytes] = []
    posters = [post(number) for number in range(40)]
    await asyncio.gather(*posters[:20], closing(), *posters[20:])
    assert len(sealed) == 1
    change = await propose(books)
    await seal(books)
    reopened = await approve(books, change.id)
    assert reopened.change.books.balance_hash == sealed[0], "the closed period took a journal"
    assert len(placed) == 40


async def test_a_close_waits_for_the_posting_under_way_and_judges_it(
    books: JournalsUnderTest,
) -> None:
    async with books.units() as uow:
        await period_rows.load_calendars(uow.connection, [LEDGER])
        closing = asyncio.create_task(close(books))
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await eventually(lambda: books.rows(waits), [(1,)])
        journal = books.journal("BANK", "CASH", day=date(2026, 2, 10))
        await write_in(uow.connection, [journal], NOW)
        await uow.commit()
    with pytest.raises(CloseBlocked) as refused:
        await closing
    assert refused.value.blockers == "UNSEALED_CHAIN=1", "the close did not see the journal"


async def test_what_is_posted_while_the_books_are_judged_is_judged_too(
    books: JournalsUnderTest,
) -> None:
    """The look at every line is made before the lock; this journal comes between both."""
    async with books.units() as uow:
        transaction = PostgresPeriodTransaction(uow, POLICY)
        calendar = await transaction.calendar(LEDGER)
        scope = CloseScope(LEDGER, FEBRUARY.of(calendar, TODAY), TODAY)
        judged = await transaction.judge_books(scope)
        assert judged.blockers == []
        await books.write(books.journal("AR_ORDER", "REV_PRODUCT", 700, date(2026, 3, 1)))
        await seal(books)
        assert await transaction.blockers(scope, judged) == [], "another period's journal"
        await books.write(books.journal("AR_ORDER", "REV_PRODUCT", 700, date(2026, 2, 5)))
        await seal(books)
        (found,) = await transaction.blockers(scope, judged)
    assert found.kind is BlockerKind.UNCLEARED_ROLES


async def test_a_posting_waits_for_the_close_under_way_and_is_placed_behind_it(
    books: JournalsUnderTest,
) -> None:
    async def place() -> date | None:
        async with books.units.database.transaction() as connection:
            calendars = await period_rows.load_calendars(connection, [LEDGER])
            placed = calendars[LEDGER].place(date(2026, 2, 10), TODAY)
        return placed.accounting_date if placed else None

    async with books.units() as uow:
        command = ClosePeriod(IDS.new_id(), FEBRUARY, ANN)
        await close_period(PostgresPeriodTransaction(uow, POLICY), command)
        placing = asyncio.create_task(place())
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await eventually(lambda: books.rows(waits), [(1,)])
        await uow.commit()
    assert await placing == date(2026, 3, 1)
