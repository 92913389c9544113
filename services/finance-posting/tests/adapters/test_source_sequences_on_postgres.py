"""Numbers of sources on real Postgres: whatever the order, the gaps are the same."""

from __future__ import annotations

import asyncio
import random
from datetime import date

import pytest
from sqlalchemy import text
from tandem_finance_posting.adapters.postgres import sequence_rows
from tandem_finance_posting.adapters.postgres.sequence_rows import (
    PostgresSequenceTransaction,
    SequenceFilter,
)
from tandem_finance_posting.application.declare_source_sequence import (
    DeclareSourceSequence,
    declare_source_sequence,
)
from tandem_finance_posting.domain.errors import SourceSequenceConflict
from tandem_finance_posting.domain.source_sequence import (
    NumbersOfSource,
    NumberSource,
    SourceKind,
    SourceNumber,
)

from .journals_under_test import NOW, TENANT, JournalsUnderTest

DAY = date(2026, 3, 2)


def register(name: str = "1", day: date = DAY) -> NumberSource:
    return NumberSource(SourceKind.REGISTER, "US01", day, store="S1", register=name)


async def note(books: JournalsUnderTest, source: NumberSource, *numbers: int) -> None:
    async with books.units() as uow:
        found = [SourceNumber(TENANT, source, number) for number in numbers]
        await sequence_rows.note_numbers(uow.connection, found, NOW)
        await uow.commit()


async def declare(books: JournalsUnderTest, last: int, *voided: tuple[int, int]) -> NumbersOfSource:
    async with books.units() as uow:
        command = DeclareSourceSequence(
            TENANT, register(), last, voided, "ann: torn" * bool(voided)
        )
        transaction = PostgresSequenceTransaction(uow.connection)
        known = await declare_source_sequence(transaction, command, NOW)
        await uow.commit()
    return known


async def listed(books: JournalsUnderTest, **wanted: object) -> list[str]:
    async with books.units.database.transaction() as connection:
        found = await sequence_rows.list_sources(
            connection,
            SequenceFilter(TENANT, **wanted),
            None,
            50,  # type: ignore[arg-type]  # fields
        )
    return [row["source"] for row in found]


async def test_numbers_in_any_order_by_many_at_once_leave_the_same_gaps(
    books: JournalsUnderTest,
) -> None:
    chance = random.Random(11)
    numbers = [n for n in range(1, 300) if n % 7]
    told = numbers + chance.sample(numbers, 90)
    chance.shuffle(told)
    pieces = [told[at : at + 25] for at in range(0, len(told), 25)]
    await asyncio.gather(*(note(books, register(), *piece) for piece in pieces))
    known = await declare(books, 301)
    missing = [n for first, last in known.missing() for n in range(first, last + 1)]
    assert missing == [n for n in range(1, 302) if n % 7 == 0 or n > 299]


async def test_what_postgres_finds_missing_is_what_the_domain_does(
    books: JournalsUnderTest,
) -> None:
    chance = random.Random(5)
    for name in range(12):
        await note(
            books, register(str(name)), *chance.sample(range(1, 15), chance.randrange(1, 14))
        )
    await books.alter(
        "UPDATE source_sequence SET voided = '{[2,3),[5,8)}', declared_last = 14 "
        "WHERE register > '5'"
    )
    async with books.units.database.transaction() as connection:
        rows = await connection.execute(
            text(f"SELECT seen, voided, declared_last, {sequence_rows.MISSING} AS missing "
                 "FROM source_sequence")
        )  # fmt: skip
        for row in rows.mappings():
            known = sequence_rows.numbers_from_row(row)
            assert known.missing() == [(part.lower, part.upper - 1) for part in row["missing"]]


async def test_void_numbers_are_no_gap_and_a_smaller_declaration_is_refused(
    books: JournalsUnderTest,
) -> None:
    await note(books, register(), 1, 2, 5)
    assert (await declare(books, 7)).missing() == [(3, 4), (6, 7)]
    assert (await declare(books, 7, (3, 4), (6, 6))).missing() == [(7, 7)]
    with pytest.raises(SourceSequenceConflict):
        await declare(books, 6)
    await note(books, register(), 7)
    assert (await declare(books, 7)).missing() == []


async def test_only_sources_with_gaps_are_listed_when_asked(books: JournalsUnderTest) -> None:
    await note(books, register("1"), 1, 2)
    await note(books, register("2"), 2)
    await note(books, register("3", date(2026, 3, 9)), 2)
    await note(books, register("4"), 0, -4)
    every = ["S1/1/2026-03-02", "S1/2/2026-03-02", "S1/3/2026-03-09"]
    assert await listed(books) == every
    assert await listed(books, missing_only=True) == every[1:]
    assert await listed(books, missing_only=True, last=DAY) == every[1:2]
    assert await listed(books, legal_entity="DE01") == []
