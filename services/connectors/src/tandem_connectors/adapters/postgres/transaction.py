"""The port of the use cases on one unit of work of the platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DataError, IntegrityError
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_connectors.adapters.postgres.command_rows import CommandRows
from tandem_connectors.adapters.postgres.connection_rows import CursorRows, HealthRows
from tandem_connectors.adapters.postgres.document_rows import DocumentRows
from tandem_connectors.adapters.postgres.fact_rows import FactRows
from tandem_connectors.application.ports import ContentRefused


class PostgresTransaction:
    """All tables in one transaction."""

    def __init__(self, unit: UnitOfWork, owner: str) -> None:
        self._unit = unit
        self.documents = DocumentRows(unit.connection)
        self.facts = FactRows(unit)
        self.commands = CommandRows(unit.connection, owner)
        self.cursors = CursorRows(unit.connection)
        self.health = HealthRows(unit.connection)

    async def commit(self) -> None:
        """Writes events after state, then commits."""
        await self._unit.commit()


class PostgresTransactions:
    """Opens transactions; `owner` is the stable name of this replica."""

    def __init__(self, units: UnitOfWorkFactory, owner: str) -> None:
        self._units = units
        self.owner = owner

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[PostgresTransaction]:
        """A new one; raises ContentRefused."""
        try:
            async with self._units() as unit:
                yield PostgresTransaction(unit, self.owner)
        except (DataError, IntegrityError) as error:
            raise ContentRefused(type(error.orig).__name__) from error

    async def release_own_claims(self) -> None:
        """What this replica held when it died can be asked about at once."""
        async with self() as transaction:
            await transaction.commands.release_own()
            await transaction.commit()
