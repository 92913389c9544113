"""Tidies holds whose time is over. Nothing depends on it but the events that tell of it."""

from __future__ import annotations

from tandem_core.clock import Clock
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres.stock_read_models import StockReadModels
from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.application.carry_out_commands import carry_out_commands
from tandem_inventory_availability.application.expire_reservation import ExpireReservation

BATCHES_MAX = 20


class ExpirySweeper:
    """Expires at most ``rows_max`` holds in one transaction; 0 turns it off."""

    def __init__(
        self, units: UnitOfWorkFactory, read_models: StockReadModels, clock: Clock, *, rows_max: int
    ) -> None:
        self._units = units
        self._read_models = read_models
        self._clock = clock
        self._rows_max = rows_max

    async def sweep(self) -> int:
        """Tidies what has expired, a batch a transaction; how many holds it looked at.

        Reads subtract untidied holds one by one, so a flash sale's must not pile up.
        """
        swept = 0
        for _ in range(BATCHES_MAX if self._rows_max else 0):
            looked_at = await self._batch()
            swept += looked_at
            if looked_at < self._rows_max:
                break
        return swept

    async def _batch(self) -> int:
        found = await self._read_models.expired(self._rows_max)
        if not found:
            return 0
        commands = [ExpireReservation(tenant, reservation_id) for tenant, reservation_id in found]
        async with self._units() as uow:
            await carry_out_commands(PostgresStockTransaction(uow), commands, self._clock.now())
            await uow.commit()
        return len(found)
