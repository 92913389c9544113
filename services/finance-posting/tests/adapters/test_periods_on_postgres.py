"""Periods on real Postgres: closed ones take nothing, two open them again, blockers are named."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import text
from tandem_core.clock import FixedClock
from tandem_core.errors import NotFound, ValidationFailed
from tandem_core.ids import Uuid7Factory
from tandem_finance_posting.adapters.postgres import period_rows
from tandem_finance_posting.adapters.postgres.balance_reads import late_amounts
from tandem_finance_posting.adapters.postgres.period_transaction import PostgresPeriodTransaction
from tandem_finance_posting.application.approve_reopen_period import (
    ApproveReopenPeriod,
    approve_reopen_period,
)
from tandem_finance_posting.application.assert_close_blockers import (
    AssertCloseBlockers,
    assert_close_blockers,
)
from tandem_finance_posting.application.close_period import ClosePeriod, close_period
from tandem_finance_posting.application.define_periods import DefinePeriods, define_periods
from tandem_finance_posting.application.lock_period import LockPeriod, lock_period
from tandem_finance_posting.application.period_ports import AssertedBlocker, MovedPeriod, PeriodName
from tandem_finance_posting.application.reject_reopen_period import (
    RejectReopenPeriod,
    reject_reopen_period,
)
from tandem_finance_posting.application.reopen_period import ReopenPeriod, reopen_period
from tandem_finance_posting.application.soft_close_period import (
    SoftClosePeriod,
    soft_close_period,
)
from tandem_finance_posting.domain.close_check import BlockerKind, ClosePolicy, CloseScope
from tandem_finance_posting.domain.errors import (
    CloseBlocked,
    PeriodDefinitionInvalid,
    PeriodMoveRefused,
    SelfApproval,
)
from tandem_finance_posting.domain.period import Period, PeriodState
from tandem_finance_posting.domain.period_change import Decision, PeriodChange
from tandem_finance_posting.entrypoints.seal_loop import Sealer
from tandem_testing.eventually import eventually

from .journals_under_test import LEDGER, NOW, TENANT, JournalsUnderTest, write_in

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


async def test_a_period_is_soft_closed_closed_and_locked_and_each_step_is_told(
    books: JournalsUnderTest,
) -> None:
    assert (await soft_close(books)).period.state is PeriodState.SOFT_CLOSED
    assert (await close(books)).change.from_state is PeriodState.SOFT_CLOSED
    assert (await lock(books)).period.state is PeriodState.LOCKED
    assert await state_of(books, date(2026, 2, 3)) is PeriodState.LOCKED
    assert await state_of(books, date(2025, 11, 3)) is PeriodState.LOCKED
    assert await state_of(books, date(2026, 3, 1)) is PeriodState.OPEN
    told = await books.rows(
        "SELECT agg_id, agg_version FROM event_journal WHERE type LIKE '%FinancePeriodChanged' "
        "ORDER BY agg_version"
    )
    assert told == [("US01/MAIN/2026-02-01", n) for n in (1, 2, 3)]


async def test_a_step_its_state_does_not_allow_is_refused(books: JournalsUnderTest) -> None:
    with pytest.raises(PeriodMoveRefused):
        await lock(books)
    with pytest.raises(PeriodMoveRefused):
        await propose(books)
    with pytest.raises(PeriodMoveRefused):
        await close(books, "2026-04")
    with pytest.raises(NotFound):
        await close(books, "no such period")
    await close(books)
    for again in (close, soft_close):
        with pytest.raises(PeriodMoveRefused) as refused:
            await again(books)
        assert refused.value.state == "CLOSED"
    await lock(books)
    with pytest.raises(PeriodMoveRefused):
        await propose(books)


async def test_a_closed_period_is_opened_again_by_two_and_sealed_anew(
    books: JournalsUnderTest,
) -> None:
    await books.write(books.journal("BANK", "REV_PRODUCT", day=date(2026, 2, 3)))
    await seal(books)
    first = await close(books)
    change = await propose(books)
    assert await state_of(books, date(2026, 2, 3)) is PeriodState.CLOSED
    with pytest.raises(SelfApproval):
        await approve(books, change.id, ANN)
    with pytest.raises(PeriodMoveRefused):
        await propose(books)
    opened = await approve(books, change.id)
    assert opened.period.state is PeriodState.OPEN
    assert opened.change.books == first.change.books, "nothing was posted in between"
    with pytest.raises(PeriodMoveRefused):
        await approve(books, change.id)
    await books.write(books.journal("BANK", "REV_PRODUCT", day=date(2026, 2, 4)))
    await seal(books)
    second = await close(books)
    assert (first.change.reseals, second.change.reseals) == (False, True)
    assert first.change.books.balance_hash != second.change.books.balance_hash
    assert second.change.books.chain_sequence == 2


async def test_a_period_may_be_opened_for_adjustments_only(books: JournalsUnderTest) -> None:
    await close(books)
    change = await propose(books, adjustments_only=True)
    assert (await approve(books, change.id)).period.state is PeriodState.SOFT_CLOSED


async def test_a_rejected_proposal_leaves_the_period_closed(books: JournalsUnderTest) -> None:
    await close(books)
    change = await propose(books)
    command = RejectReopenPeriod(TENANT, change.id, ANN)
    await within(books, lambda t: reject_reopen_period(t, command))
    with pytest.raises(PeriodMoveRefused):
        await approve(books, change.id)
    assert await state_of(books, date(2026, 2, 3)) is PeriodState.CLOSED
    await propose(books)


async def test_a_proposal_is_of_no_use_once_its_period_has_moved(
    books: JournalsUnderTest,
) -> None:
    await close(books)
    change = await propose(books)
    await lock(books)
    with pytest.raises(PeriodMoveRefused) as refused:
        await approve(books, change.id)
    assert refused.value.state == "LOCKED"


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


async def test_own_periods_are_defined_once_and_never_over_closed_days(
    books: JournalsUnderTest,
) -> None:
    weeks = (
        Period("P1", date(2026, 3, 2), date(2026, 3, 29)),
        Period("P2", date(2026, 3, 30), date(2026, 4, 26)),
    )

    async def define() -> list[Period]:
        return await within(books, lambda t: define_periods(t, DefinePeriods(LEDGER, weeks), NOW))

    states = [period.state for period in await define()]
    assert states == [PeriodState.OPEN, PeriodState.FUTURE]
    with pytest.raises(PeriodDefinitionInvalid):
        await define()
    await close(books, "P1")
    assert await state_of(books, date(2026, 3, 1)) is PeriodState.CLOSED
    old = (Period("P0", date(2026, 2, 1), date(2026, 3, 1)),)
    with pytest.raises(PeriodDefinitionInvalid) as refused:
        await within(books, lambda t: define_periods(t, DefinePeriods(LEDGER, old), NOW))
    assert refused.value.detail == "2026-02 is CLOSED"


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


async def test_what_counts_late_is_summed_by_role_for_the_closed_period_it_happened_in(
    books: JournalsUnderTest,
) -> None:
    await books.write(books.journal("BANK", "REV_PRODUCT", 10_000, date(2026, 2, 1)))
    await seal(books)
    await close(books)
    happened, counted = date(2026, 2, 27), date(2026, 3, 1)
    await books.write(
        books.journal("BANK", "REV_PRODUCT", 900, original=happened, accounting=counted),
        books.journal("COGS", "BANK", 900, original=happened, accounting=counted),
        books.journal("COGS", "BANK", 5, original=counted, accounting=counted + timedelta(days=1)),
    )
    async with books.units.database.transaction() as connection:
        calendars = await period_rows.read_calendars(connection, [LEDGER])
        late = await late_amounts(connection, LEDGER, calendars[LEDGER], POLICY.results, TODAY)
    assert late == {(date(2026, 2, 1), "USD"): 1_800}


async def test_a_second_open_proposal_cannot_be_written_whatever_a_program_does(
    books: JournalsUnderTest,
) -> None:
    await close(books)
    await propose(books)
    async with books.units.database.connection() as connection:
        with pytest.raises(Exception, match="period_change_open"):
            await connection.execute(
                text(
                    "INSERT INTO period_change SELECT tenant, gen_random_uuid(), legal_entity, "
                    "book, code, first_date, last_date, state, from_state, to_state, proposed_by, "
                    "proposed_at, reason, decided_by, decided_at, decision_reason, "
                    "chain_sequence, chain_hash, balance_hash, reseals FROM period_change "
                    "WHERE state = 'PROPOSED'"
                )
            )
