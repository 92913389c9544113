"""A database of the books, and journals to write into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory

from .journals_under_test import JournalsUnderTest


@pytest.fixture
async def books(migrated_database: Callable[[str], str]) -> AsyncIterator[JournalsUnderTest]:
    """Empty books."""
    database = Database(migrated_database("tandem_finance_posting"), pool_size=16)
    yield JournalsUnderTest(UnitOfWorkFactory(database, EventJournal("finance", 4)))
    await database.close()
