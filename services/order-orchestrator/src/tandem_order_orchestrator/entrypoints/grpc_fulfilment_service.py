"""`tandem.order.v1.FulfilmentService`: goods leave."""

from __future__ import annotations

from typing import Any

from tandem.order.v1 import fulfilment_service_pb2 as api
from tandem.order.v1 import fulfilment_service_pb2_grpc
from tandem_platform.request_context import current_caller

from tandem_order_orchestrator.adapters.order_writes import OrderWrites
from tandem_order_orchestrator.adapters.wire.money_mapping import from_time
from tandem_order_orchestrator.application.confirm_shipment import ConfirmShipment
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order_shipment import ShipmentConfirmation
from tandem_order_orchestrator.entrypoints.grpc_order_service import with_carrier


class FulfilmentService(fulfilment_service_pb2_grpc.FulfilmentServiceServicer):
    """Maps requests to steps."""

    def __init__(self, writes: OrderWrites) -> None:
        self._writes = writes

    async def ConfirmShipment(
        self, request: api.ConfirmShipmentRequest, context: Any
    ) -> api.ConfirmShipmentResponse:
        """Books goods that left."""
        confirmation = ShipmentConfirmation(
            location=request.location,
            shipment_ref=request.shipment_ref,
            shipped_at=from_time(request.ship_time),
            by_line=_by_line(request),
            tracking_number=request.tracking_number,
        )
        key = OrderKey(current_caller().tenant, request.order_id)
        step = ConfirmShipment(key, confirmation).step()
        order = await self._writes.requests.submit(request, with_carrier(step))
        return api.ConfirmShipmentResponse(order=order)


def _by_line(request: api.ConfirmShipmentRequest) -> dict[str, int]:
    """Quantities by line; a line named twice counts as the sum."""
    by_line: dict[str, int] = {}
    for line in request.lines:
        by_line[line.line_ref] = by_line.get(line.line_ref, 0) + line.quantity
    return by_line
