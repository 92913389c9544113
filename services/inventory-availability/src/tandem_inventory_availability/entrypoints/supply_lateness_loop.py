"""Tells of supply that should have come. Nothing depends on it but the events that tell of it."""

from __future__ import annotations

from tandem_core.clock import Clock
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.adapters.postgres.supply_reads import SupplyReads
from tandem_inventory_availability.application.tell_overdue_supply import TellOverdueSupply

LATE_LINES_MAX = 200
"""Lines of one round; the next round takes the others."""


class SupplyLateness:
    """Looks at supply past its time, a transaction for each tenant."""

    def __init__(self, units: UnitOfWorkFactory, reads: SupplyReads, clock: Clock) -> None:
        self._units = units
        self._reads = reads
        self._clock = clock

    async def tell(self) -> int:
        """One round; how many lines were told of."""
        told = 0
        for tenant, ids in (await self._reads.late(LATE_LINES_MAX)).items():
            command = TellOverdueSupply(tenant, tuple(ids))
            async with self._units() as uow:
                transaction = PostgresStockTransaction(uow)
                book = await transaction.open([command.needs()], self._clock.now())
                told += len(command.decide(book))
                await transaction.store(book)
                await uow.commit()
        return told
