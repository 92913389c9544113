"""ApproveRepair: a second person agrees, and the figures are written anew."""

from __future__ import annotations

from tandem_core.errors import NotFound

from tandem_inventory_availability.application.repair_projection import RepairStore
from tandem_inventory_availability.domain.repair_errors import RepairNeedsOther, RepairStateWrong
from tandem_inventory_availability.domain.repairing import Difference


async def approve_repair(
    store: RepairStore, tenant: str, repair_id: str, approver: str
) -> list[Difference]:
    """What was changed. Raises NotFound, RepairStateWrong, RepairNeedsOther."""
    repair = await store.lock(tenant, repair_id)
    if repair is None:
        raise NotFound("repair", repair_id)
    if repair.approved_by:
        raise RepairStateWrong(repair_id, "DONE")
    if repair.asked_by == approver:
        raise RepairNeedsOther(repair_id, repair.asked_by)
    return await store.carry_out(repair, approver)
