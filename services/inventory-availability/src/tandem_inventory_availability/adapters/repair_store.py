"""Repairs on one open unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tandem.inventory.v1 import events_pb2
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import repair_rows
from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.repairing import Difference, Repair, repair
from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.stock_position import StockKey


class PostgresRepairStore:
    """Repairs and the figures they write anew."""

    def __init__(self, unit: UnitOfWork, now: datetime) -> None:
        self._unit = unit
        self._now = now

    async def add(self, wanted: Repair) -> None:
        """Keeps a repair that waits for approval."""
        await repair_rows.add(self._unit.connection, wanted)

    async def lock(self, tenant: str, repair_id: str) -> Repair | None:
        """A repair; nobody else approves it meanwhile."""
        return await repair_rows.lock(self._unit.connection, tenant, repair_id)

    async def differences(self, tenant: str, sku: str, location: str) -> list[Difference]:
        """Figures that are not the sum of their parts."""
        return await repair_rows.differences(self._unit.connection, tenant, sku, location)

    async def carry_out(self, asked: Repair, approved_by: str) -> list[Difference]:
        """Writes the figures anew. They are compared again once everything is locked."""
        connection = self._unit.connection
        of = (asked.tenant, asked.sku, asked.location)
        places = await repair_rows.locations(connection, *of)
        seen = await repair_rows.differences(connection, *of)
        groups = {GroupKey(asked.tenant, asked.sku, found.group) for found in seen if found.group}
        keys = tuple(StockKey(asked.tenant, asked.sku, place) for place in places)
        transaction = PostgresStockTransaction(self._unit)
        book = await transaction.open([Needs(keys=keys, places=tuple(groups))], self._now)
        found = await repair_rows.differences(connection, *of)
        changed = repair(book, asked.tenant, found)
        await transaction.store(book)
        await repair_rows.approve(connection, asked, approved_by, self._now)
        self._record(asked, approved_by, changed)
        return changed

    def _record(self, asked: Repair, approved_by: str, changed: Sequence[Difference]) -> None:
        message = events_pb2.StockProjectionRepaired(
            sku=asked.sku,
            location=asked.location,
            reason=asked.reason,
            asked_by=asked.asked_by,
            approved_by=approved_by,
            figures=[
                events_pb2.RepairedFigure(
                    location=one.location,
                    figure=one.figure,
                    before=one.projected,
                    after=one.derived,
                    group=one.group,
                    supply_line_id=one.supply_line_id,
                )
                for one in changed
            ],
        )
        self._unit.record(
            event_from(
                message,
                aggregate_type="stock_repair",
                aggregate_id=asked.id,
                aggregate_version=1,
                occurred_at=self._now,
                tenant=asked.tenant,
            )
        )
