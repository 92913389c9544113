"""The books, and what happens in a shop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from .books_under_test import Books, books_under_test
from .people import CHECKER, MAKER, Person, person


@pytest.fixture
async def books(
    tmp_path: Path, migrated_database: Callable[[str], str], nats_url: str
) -> AsyncIterator[Books]:
    """The service around; not started yet."""
    async with books_under_test(tmp_path, migrated_database, nats_url) as books:
        yield books


@pytest.fixture
async def open_books(books: Books) -> AsyncIterator[Books]:
    """The service running in this process."""
    async with books.running():
        yield books


@pytest.fixture
async def maker(open_books: Books) -> AsyncIterator[Person]:
    """Who proposes."""
    async with person(open_books, MAKER) as found:
        yield found


@pytest.fixture
async def checker(open_books: Books) -> AsyncIterator[Person]:
    """Who approves."""
    async with person(open_books, CHECKER) as found:
        yield found
