"""One process of the service as far as writing goes, without wire and loops."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from tandem.order.v1 import order_service_pb2 as api
from tandem.order.v1.order_pb2 import Order as OrderMessage
from tandem_core.ids import Uuid7Factory
from tandem_order_orchestrator.adapters.order_writes import OrderWrites
from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.application.submit_order import SubmitOrder
from tandem_order_orchestrator.domain.draft import DraftLine, ExternalRef, OrderDraft
from tandem_order_orchestrator.domain.events import PaymentFailed
from tandem_order_orchestrator.domain.order import Change, Order, changed, order_id
from tandem_order_orchestrator.domain.order_state import PaymentAction
from tandem_platform.database import Database
from tandem_platform.request_context import Caller, acting_as
from tandem_platform.unit_of_work import UnitOfWorkFactory

TENANT, PACKAGE = "demo", "tandem_order_orchestrator"
new_id = Uuid7Factory().new_id


def draft(name: str, quantity: int = 1) -> OrderDraft:
    lines = (DraftLine("1", "MUG", quantity, 1000),)
    ref = ExternalRef("shop", "order", name)
    return OrderDraft(ref, "web", "USD", datetime.fromisoformat("2026-03-02T09:00Z"), lines, "card")


def key_of(name: str) -> OrderKey:
    return OrderKey(TENANT, order_id(TENANT, ExternalRef("shop", "order", name)))


def happen(order: Order, now: datetime) -> Change:
    """Any step of one event."""
    return changed(order, now, PaymentFailed(PaymentAction.VOID, "again"))


@dataclass
class Replica:
    """One process of the service, as far as writing goes."""

    database: Database
    writes: OrderWrites
    units: UnitOfWorkFactory

    async def write(self, request: Any, step: OrderStep) -> OrderMessage:
        with acting_as(Caller("shop", TENANT), method="M"):
            return await self.writes.requests.submit(request, step)

    async def submit(self, name: str, quantity: int = 1) -> OrderMessage:
        request = api.SubmitOrderRequest(request_id=new_id())
        return await self.write(request, SubmitOrder(TENANT, draft(name, quantity)).step())

    async def step(self, name: str) -> OrderMessage:
        request = api.CancelOrderRequest(request_id=new_id())
        return await self.write(request, OrderStep(key_of(name), existing(happen)))

    async def rows(self, statement: str) -> list[Any]:
        async with self.database.transaction() as connection:
            return list(await connection.execute(text(statement)))
