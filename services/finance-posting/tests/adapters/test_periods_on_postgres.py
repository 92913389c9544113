"""Periods on real Postgres: closed ones take nothing, two open them again, each step is told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from tandem_core.errors import NotFound
from tandem_finance_posting.adapters.postgres import period_rows
from tandem_finance_posting.adapters.postgres.balance_reads import late_amounts
from tandem_finance_posting.application.define_periods import DefinePeriods, define_periods
from tandem_finance_posting.application.reject_reopen_period import (
    RejectReopenPeriod,
    reject_reopen_period,
)
from tandem_finance_posting.domain.errors import (
    PeriodDefinitionInvalid,
    PeriodMoveRefused,
    SelfApproval,
)
from tandem_finance_posting.domain.period import Period, PeriodState

from .journals_under_test import LEDGER, NOW, TENANT, JournalsUnderTest
from .periods_under_test import (
    ANN,
    POLICY,
    TODAY,
    approve,
    close,
    lock,
    propose,
    seal,
    soft_close,
    state_of,
    within,
)


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
