"""One transaction of business state and the events that tell of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal, JournalEvent
from tandem_platform.fault_points import fp


class UnitOfWork:
    """State and events that become true together. Leaving it without `commit` rolls back."""

    def __init__(self, connection: AsyncConnection, journal: EventJournal) -> None:
        self.connection = connection
        self._journal = journal
        self._events: list[JournalEvent] = []
        self._committed = False

    def record(self, event: JournalEvent) -> None:
        """Adds an event; it is written on commit, after all changes of state."""
        self._events.append(event)

    async def commit(self) -> None:
        """Writes the events and commits; the relay is woken afterwards.

        Raises RuntimeError on a second commit: what came between would be outside of it.
        """
        if self._committed:
            raise RuntimeError("a unit of work commits once")
        await self._journal.write(self.connection, self._events)
        await fp("unit_of_work.before_commit")
        await self.connection.commit()
        self._committed = True
        await fp("unit_of_work.after_commit")
        if self._events:
            self._journal.committed()


class UnitOfWorkFactory:
    """Opens units of work: ``async with units() as uow:``."""

    def __init__(self, database: Database, journal: EventJournal) -> None:
        self.database = database
        self.journal = journal

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        """A unit of work on its own connection."""
        async with self.database.connection() as connection:
            yield UnitOfWork(connection, self.journal)
