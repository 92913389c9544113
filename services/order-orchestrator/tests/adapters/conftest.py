"""Two replicas on one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from tandem_core.clock import FixedClock
from tandem_order_orchestrator.adapters.order_writes import OrderWrites
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory

from .replica import PACKAGE, Replica


@pytest.fixture
async def replicas(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> AsyncIterator[list[Replica]]:
    url, made = migrated_database(PACKAGE), list[Replica]()
    for _ in range(2):
        database = Database(url)
        units = UnitOfWorkFactory(database, EventJournal("order", 2))
        made.append(Replica(database, OrderWrites(units, clock), units))
        await made[-1].writes.requests.start()
        await made[-1].writes.answers.start()
    yield made
    for replica in made:
        await replica.writes.requests.stop()
        await replica.writes.answers.stop()
        await replica.database.close()
