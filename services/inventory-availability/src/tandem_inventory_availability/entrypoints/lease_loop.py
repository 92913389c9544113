"""Tidies leases that are over. Nothing depends on it but the events that tell of it."""

from __future__ import annotations

from tandem_core.clock import Clock
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres.allocation_reads import AllocationReads
from tandem_inventory_availability.adapters.stock_decision import carry_out
from tandem_inventory_availability.application.expire_leases import ExpireLeases

LEASES_MAX = 200
"""Leases of one round; the next round takes the others."""


class LeaseSweeper:
    """Expires leases whose time and grace are over, all of a round in one transaction."""

    def __init__(self, units: UnitOfWorkFactory, reads: AllocationReads, clock: Clock) -> None:
        self._units = units
        self._reads = reads
        self._clock = clock

    async def sweep(self) -> int:
        """One round; how many leases it looked at."""
        found = await self._reads.ended_leases(LEASES_MAX)
        if found:
            async with self._units() as uow:
                await carry_out(uow, self._clock, ExpireLeases(tuple(found)))
                await uow.commit()
        return len(found)
