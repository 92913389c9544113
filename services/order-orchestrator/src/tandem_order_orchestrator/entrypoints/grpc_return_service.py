"""`tandem.order.v1.ReturnService`: goods and money come back."""

from __future__ import annotations

from typing import Any

from tandem.order.v1 import return_service_pb2 as api
from tandem.order.v1 import return_service_pb2_grpc
from tandem_core.errors import NotFound
from tandem_platform.request_context import current_caller

from tandem_order_orchestrator.adapters.order_writes import OrderWrites
from tandem_order_orchestrator.adapters.postgres.order_read_models import OrderReadModels
from tandem_order_orchestrator.adapters.wire.enum_mapping import from_enum
from tandem_order_orchestrator.adapters.wire.money_mapping import from_money, from_ref
from tandem_order_orchestrator.application.create_return import CreateReturn
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order_return import ReturnRequest, ReturnRequestLine
from tandem_order_orchestrator.domain.order_state import Disposition
from tandem_order_orchestrator.entrypoints.grpc_order_service import with_carrier


class ReturnService(return_service_pb2_grpc.ReturnServiceServicer):
    """Maps requests to steps."""

    def __init__(self, writes: OrderWrites, read_models: OrderReadModels) -> None:
        self._writes = writes
        self._read_models = read_models

    async def CreateReturn(
        self, request: api.CreateReturnRequest, context: Any
    ) -> api.CreateReturnResponse:
        """Approves a return; amounts must be of the order's currency."""
        key = OrderKey(current_caller().tenant, request.order_id)
        order = await self._read_models.order(key)
        if order is None:
            raise NotFound("order", request.order_id)
        step = CreateReturn(key, _from_request(request, order.draft.currency_code)).step()
        message = await self._writes.requests.submit(request, with_carrier(step))
        return api.CreateReturnResponse(order=message)


def _from_request(request: api.CreateReturnRequest, currency: str) -> ReturnRequest:
    return ReturnRequest(
        external_ref=from_ref(request.external_ref),
        lines=tuple(_from_line(line, currency) for line in request.lines),
        shipping_amount=from_money(request.shipping_amount, currency),
        shipping_tax_amount=from_money(request.shipping_tax_amount, currency),
    )


def _from_line(line: api.CreateReturnLine, currency: str) -> ReturnRequestLine:
    has_net, has_tax = line.HasField("net_amount"), line.HasField("tax_amount")
    return ReturnRequestLine(
        line_ref=line.line_ref,
        quantity=line.quantity,
        disposition=from_enum(line, "disposition", Disposition, "RETURN_DISPOSITION_"),
        net_amount=from_money(line.net_amount, currency) if has_net else None,
        tax_amount=from_money(line.tax_amount, currency) if has_tax else None,
        location=line.location,
    )
