"""RepairProjection: asks for figures to be written anew; another person must approve."""

from __future__ import annotations

from typing import Protocol

from tandem_inventory_availability.domain.repairing import Difference, Repair


class RepairStore(Protocol):
    """Repairs in one open transaction; the caller commits."""

    async def add(self, repair: Repair) -> None:
        """Keeps a repair that waits for approval."""
        ...

    async def lock(self, tenant: str, repair_id: str) -> Repair | None:
        """A repair; nobody else approves it meanwhile."""
        ...

    async def differences(self, tenant: str, sku: str, location: str) -> list[Difference]:
        """Figures that are not the sum of their parts."""
        ...

    async def carry_out(self, repair: Repair, approved_by: str) -> list[Difference]:
        """Writes the figures anew under the locks of every command; what it changed."""
        ...


async def repair_projection(store: RepairStore, repair: Repair) -> list[Difference]:
    """What would change; the repair is kept when there is anything."""
    found = await store.differences(repair.tenant, repair.sku, repair.location)
    if found:
        await store.add(repair)
    return found
