"""The seal chain on real rows: every byte of a sealed journal is held, and breaks are named."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from tandem_core.clock import FixedClock
from tandem_finance_posting.adapters.postgres import seal_rows
from tandem_finance_posting.adapters.postgres.chain_reader import PostgresChainReader
from tandem_finance_posting.application.verify_chain import Verified, verify_chain
from tandem_finance_posting.domain.seal_chain import BreakKind, canonical
from tandem_finance_posting.entrypoints.seal_loop import Roots, SealAuditor, Sealer

from .journals_under_test import APPROVED, LEDGER, NOW, JournalsUnderTest

CLOCK = FixedClock(NOW)


async def seal(books: JournalsUnderTest, rows_max: int = 100) -> int:
    return await Sealer(books.units, CLOCK, rows_max=rows_max, linger_s=0.0).seal()


async def verify(
    books: JournalsUnderTest, first: int = 1, last: int = 0, rows_max: int = 1_000
) -> Verified:
    async with books.units.database.transaction() as connection:
        return await verify_chain(PostgresChainReader(connection, LEDGER), first, last, rows_max)


async def whole_journal(books: JournalsUnderTest) -> None:
    """Three sealed journals; the second has something in every column."""
    await books.write(books.journal())
    first = books.journals[0]
    await books.write(
        books.journal(
            dimensions={"sku": "A", "ä": "1:2"}, link_id="link", reverses=first.id,
            late_reason="late", approvals=APPROVED,
        )
    )  # fmt: skip
    await books.write(books.journal())
    assert await seal(books) == 3
    assert (await verify(books)) == Verified(3, None, 0)


COLUMNS = [("journal", name) for name in seal_rows.JOURNAL_COLUMNS]
COLUMNS += [("journal_line", name) for name in seal_rows.LINE_COLUMNS]
ALTERED = {
    "text": "{} || 'x'",
    "uuid": "'00000000-0000-0000-0000-000000000001'",
    "bigint": "{} + 1000",
    "integer": "{} + 1000",
    "date": "{} + 1",
    "timestamp with time zone": "{} + interval '1 microsecond'",
    "jsonb": "{} || jsonb_build_object('x', 'y')",
}


async def test_every_column_of_a_journal_and_its_lines_is_sealed(books: JournalsUnderTest) -> None:
    found = await books.rows(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_name IN ('journal', 'journal_line')"
    )
    assert sorted(found) == sorted(COLUMNS), "a column outside of the seal can be altered unseen"


async def test_altering_any_column_of_a_sealed_journal_is_found_and_named(
    books: JournalsUnderTest,
) -> None:
    await whole_journal(books)
    known = "SELECT table_name, column_name, data_type FROM information_schema.columns"
    types = {(row[0], row[1]): row[2] for row in await books.rows(known)}
    journal_id = books.journals[1].id
    async with books.units.database.connection() as connection:
        for table, column in COLUMNS:
            # The constraint on sides leaves one other value.
            side = "CASE {} WHEN 'DEBIT' THEN 'CREDIT' ELSE 'DEBIT' END"
            value = side if column == "side" else ALTERED[types[table, column]]
            key = "id" if table == "journal" else "journal_id"
            one = "" if table == "journal" else " AND number = 1"
            await connection.execute(
                text(
                    f"UPDATE {table} SET {column} = {value.format(column)} "
                    f"WHERE {key} = '{journal_id}'{one}"
                )
            )
            verified = await verify_chain(PostgresChainReader(connection, LEDGER), 1, 0, 100)
            assert verified.broken is not None, f"{table}.{column}"
            assert verified.broken.sequence == 2, f"{table}.{column}"
            await connection.rollback()
    assert (await verify(books)).broken is None


ROWS = {
    "a line is deleted": "DELETE FROM journal_line WHERE number = 2 AND journal_id = '{id}'",
    "a line is added": "INSERT INTO journal_line (tenant, journal_id, number, legal_entity, book, "
    "accounting_date, role, side, amount_minor, currency_code, dimensions, rule_line, "
    "functional_minor) SELECT tenant, journal_id, number + 9, legal_entity, book, "
    "accounting_date, role, side, amount_minor, currency_code, dimensions, rule_line, "
    "functional_minor FROM journal_line WHERE number = 1 AND journal_id = '{id}'",
    "the lines are swapped": "UPDATE journal_line SET number = -number WHERE journal_id = '{id}'",
    "the seal's hash is altered": "UPDATE journal_seal SET hash = sha256('x') WHERE sequence = 2",
    "the seal names another journal": "UPDATE journal_seal SET journal_id = gen_random_uuid() "
    "WHERE sequence = 2",
}


@pytest.mark.parametrize("what", ROWS)
async def test_altered_rows_of_a_sealed_journal_are_found(
    books: JournalsUnderTest, what: str
) -> None:
    await whole_journal(books)
    await books.alter(ROWS[what].format(id=books.journals[1].id))
    broken = (await verify(books)).broken
    assert broken is not None
    assert (broken.sequence, broken.kind) == (2, BreakKind.CONTENT_CHANGED)


async def test_a_missing_journal_a_missing_seal_and_a_cut_chain_are_named(
    books: JournalsUnderTest,
) -> None:
    await whole_journal(books)
    async with books.units.database.connection() as connection:
        for sql, kind, sequence in (
            ("DELETE FROM journal WHERE sequence = 2", BreakKind.JOURNAL_MISSING, 2),
            ("DELETE FROM journal_seal WHERE sequence = 2", BreakKind.SEAL_MISSING, 2),
            ("UPDATE seal_chain SET hash = sha256('x')", BreakKind.HEAD_DIFFERS, 3),
        ):
            await connection.execute(text(sql))
            found = await verify_chain(PostgresChainReader(connection, LEDGER), 1, 0, 100)
            assert found.broken is not None
            assert (found.broken.kind, found.broken.sequence) == (kind, sequence)
            await connection.rollback()


async def test_a_chain_made_anew_differs_from_its_published_roots(
    books: JournalsUnderTest,
) -> None:
    await whole_journal(books)
    tomorrow = FixedClock(NOW + timedelta(days=1))
    assert await Roots(books.units, tomorrow).root() == 1
    assert await Roots(books.units, tomorrow).root() == 0
    await books.alter("UPDATE journal_line SET amount_minor = 7, functional_minor = 7")
    await books.alter("DELETE FROM journal_seal")
    await books.alter("DELETE FROM seal_chain")
    assert await seal(books) == 3
    broken = (await verify(books)).broken
    assert broken is not None
    assert (broken.kind, broken.sequence) == (BreakKind.ROOT_DIFFERS, 3)


async def test_roots_of_days_are_told_once_and_wait_for_their_last_seal(
    books: JournalsUnderTest,
) -> None:
    await books.write(books.journal(), now=NOW - timedelta(days=2))
    await books.write(books.journal(), books.journal(), now=NOW - timedelta(days=1))
    await seal(books, rows_max=2)
    await books.write(books.journal(), now=NOW - timedelta(days=1))
    assert await Roots(books.units, CLOCK).root() == 0, "a journal of yesterday has no seal"
    await seal(books)
    assert await Roots(books.units, CLOCK).root() == 2
    await books.write(books.journal())
    await seal(books)
    assert await Roots(books.units, CLOCK).root() == 0, "today is not over"
    assert await Roots(books.units, FixedClock(NOW + timedelta(days=1))).root() == 1
    told = await books.rows(
        "SELECT agg_version FROM event_journal WHERE type LIKE '%ChainSealed' ORDER BY 1"
    )
    assert told == [(1,), (2,), (3,)]
    roots = await books.rows("SELECT sequence FROM seal_root ORDER BY day")
    assert roots == [(1,), (4,), (5,)]


async def test_sealing_in_any_batches_and_by_two_at_once_gives_one_chain(
    books: JournalsUnderTest,
) -> None:
    for n in range(6):
        await books.write(*(books.journal() for _ in range(n + 1)))
        await asyncio.gather(seal(books, rows_max=2), seal(books, rows_max=3))
    await seal(books)
    assert await verify(books) == Verified(21, None, 0)
    pages, first, count = 0, 1, 0
    while first:
        page = await verify(books, first, rows_max=4)
        pages, count, first = pages + 1, count + page.count, page.next_sequence
    assert (pages, count) == (6, 21)
    assert await verify(books, 5, 9) == Verified(5, None, 0)


async def test_a_number_that_is_not_there_stops_the_chain_and_is_told_once(
    books: JournalsUnderTest,
) -> None:
    await books.write(books.journal(), books.journal(), books.journal())
    await books.alter("DELETE FROM journal WHERE sequence = 2")
    assert await seal(books) == 1
    assert await seal(books) == 0
    told = "SELECT count(*) FROM event_journal WHERE type LIKE '%ChainBroken'"
    assert await books.rows(told) == [(1,)]
    assert await books.rows("SELECT sequence, broken_at FROM seal_chain") == [(1, 2)]


async def test_the_auditor_tells_a_break_once_and_that_it_holds_again(
    books: JournalsUnderTest,
) -> None:
    await whole_journal(books)
    auditor = SealAuditor(books.units, CLOCK, rows_max=2)
    assert [await auditor.audit() for _ in range(3)] == [0, 0, 0]
    await books.alter("UPDATE journal SET order_id = 'y' WHERE sequence = 3")
    assert sum([await auditor.audit() for _ in range(3)]) >= 1
    assert await books.rows("SELECT broken_at FROM seal_chain") == [(3,)]
    await books.alter("UPDATE journal SET order_id = 'o3' WHERE sequence = 3")
    await auditor.audit()
    assert await books.rows("SELECT broken_at FROM seal_chain") == [(None,)]
    told = "SELECT count(*) FROM event_journal WHERE type LIKE '%ChainBroken'"
    assert await books.rows(told) == [(1,)]


async def test_what_postgres_seals_is_the_length_prefixed_layout_of_the_domain(
    books: JournalsUnderTest,
) -> None:
    await whole_journal(books)
    async with books.units.database.transaction() as connection:
        found = await seal_rows.read_contents(connection, LEDGER, 1, 2, 9)
    j = books.journals[1]
    approvals = await books.rows("SELECT approvals::text FROM journal WHERE sequence = 2")
    fields = [
        "t", j.id, "2", "US01", "MAIN", j.event.key, "test.done", "primary", "1", "2026-03-02",
        "2026-03-02", "2026-03-20T12:00:00.000000", "test/1", "P00", j.event.order_id, "USD", "",
        "link", books.journals[0].id, "USD", "late", approvals[0][0],
    ]  # fmt: skip
    for number, role, side, rule_line in (
        (1, "BANK", "DEBIT", "d"),
        (2, "AR_ORDER", "CREDIT", "c"),
    ):
        fields += [
            "t", j.id, str(number), "US01", "MAIN", "2026-03-02", role, side, "500", "USD",
            '{"ä": "1:2", "sku": "A"}', rule_line, "500",
        ]  # fmt: skip
    assert found[0].content == canonical(fields)
