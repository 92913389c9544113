"""Gives stock that has come to those it was promised to below zero, in the order of their need."""

from __future__ import annotations

from tandem_core.clock import Clock
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres.stock_read_models import StockReadModels
from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.application.carry_out_commands import carry_out_commands
from tandem_inventory_availability.application.fill_backorders import FillBackorders

ROWS_MAX = 200


class BackorderFiller:
    """Fills at most ROWS_MAX reservations in one round."""

    def __init__(
        self, units: UnitOfWorkFactory, read_models: StockReadModels, clock: Clock
    ) -> None:
        self._units = units
        self._read_models = read_models
        self._clock = clock

    async def fill(self) -> int:
        """One round; how many reservations it looked at."""
        found = await self._read_models.backed(ROWS_MAX)
        if not found:
            return 0
        commands = [FillBackorders(tenant, reservation_id) for tenant, reservation_id in found]
        async with self._units() as uow:
            await carry_out_commands(PostgresStockTransaction(uow), commands, self._clock.now())
            await uow.commit()
        return len(found)
