"""`tandem.order.v1.OrderService`: orders in, orders out."""

from __future__ import annotations

import time
from typing import Any

from tandem.order.v1 import order_service_pb2 as api
from tandem.order.v1 import order_service_pb2_grpc
from tandem.order.v1.order_pb2 import Order as OrderMessage
from tandem_core.errors import NotFound
from tandem_platform import event_payload, telemetry
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_order_orchestrator.adapters.order_writes import (
    OrderChanges,
    OrderWatch,
    OrderWrites,
    carrier,
)
from tandem_order_orchestrator.adapters.postgres.order_read_models import (
    OrderFilter,
    OrderReadModels,
    TimelineRow,
)
from tandem_order_orchestrator.adapters.wire.draft_mapping import from_draft
from tandem_order_orchestrator.adapters.wire.money_mapping import to_time
from tandem_order_orchestrator.adapters.wire.order_mapping import to_order
from tandem_order_orchestrator.application.apply_order_steps import OrderStep
from tandem_order_orchestrator.application.cancel_order import CancelOrder
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.application.submit_order import SubmitOrder
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_state import OrderState

STATE_PREFIX = "STATE_"
LOOK_SECONDS_MIN = 1.0
"""A first look for an answer another process took in; each further one waits twice as long."""


class OrderService(order_service_pb2_grpc.OrderServiceServicer):
    """Maps requests to steps and orders to responses."""

    def __init__(
        self,
        writes: OrderWrites,
        read_models: OrderReadModels,
        changes: OrderChanges,
        page_tokens: PageTokens,
    ) -> None:
        self._writes = writes
        self._read_models = read_models
        self._changes = changes
        self._page_tokens = page_tokens

    async def SubmitOrder(
        self, request: api.SubmitOrderRequest, context: Any
    ) -> api.SubmitOrderResponse:
        """Accepts an order and waits for its reservation if asked to."""
        command = SubmitOrder(
            current_caller().tenant, from_draft(request.order), telemetry.current_trace_id()
        )
        step = command.step()
        with self._changes.watching(step.key) as watch:
            message = await self._writes.requests.submit(request, with_carrier(step))
            if request.wait_ms and message.state == OrderMessage.STATE_ACCEPTED:
                order = await self._decided(step.key, watch, request.wait_ms / 1000)
                message = to_order(order)
        return api.SubmitOrderResponse(order=message)

    async def _decided(self, key: OrderKey, watch: OrderWatch, seconds: float) -> Order:
        """The order once it is reserved or refused, or as it stands when the time is over."""
        give_up_at = time.monotonic() + seconds
        look_s = LOOK_SECONDS_MIN
        while True:
            left = give_up_at - time.monotonic()
            order = await watch.wait(max(0.0, min(left, look_s))) or await self._order(key)
            if order.state is not OrderState.ACCEPTED or left <= 0:
                return order
            look_s *= 2

    async def _order(self, key: OrderKey) -> Order:
        order = await self._read_models.order(key)
        if order is None:
            raise NotFound("order", key.order_id)
        return order

    async def GetOrder(self, request: api.GetOrderRequest, context: Any) -> api.GetOrderResponse:
        """One order."""
        order = await self._order(OrderKey(current_caller().tenant, request.order_id))
        return api.GetOrderResponse(order=to_order(order))

    async def ListOrders(
        self, request: api.ListOrdersRequest, context: Any
    ) -> api.ListOrdersResponse:
        """A page of orders."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        state = OrderMessage.State.Name(request.state) if request.state else ""
        wanted = OrderFilter(
            tenant=current_caller().tenant,
            state=state.removeprefix(STATE_PREFIX),
            external_id=request.external_id,
            channel=request.channel,
        )
        found = await self._read_models.orders(wanted, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            token = self._page_tokens.encode((last.accepted_at.isoformat(), last.id), request)
        return api.ListOrdersResponse(
            orders=[to_order(order) for order in found[:rows]], next_page_token=token
        )

    async def GetOrderTimeline(
        self, request: api.GetOrderTimelineRequest, context: Any
    ) -> api.GetOrderTimelineResponse:
        """The order's events."""
        key = OrderKey(current_caller().tenant, request.order_id)
        await self._order(key)
        rows = await self._read_models.timeline(key)
        return api.GetOrderTimelineResponse(entries=[_entry(row) for row in rows])

    async def CancelOrder(
        self, request: api.CancelOrderRequest, context: Any
    ) -> api.CancelOrderResponse:
        """Cancels what has not shipped."""
        key = OrderKey(current_caller().tenant, request.order_id)
        step = CancelOrder(key, request.reason).step()
        message = await self._writes.requests.submit(request, with_carrier(step))
        return api.CancelOrderResponse(order=message)


def with_carrier(step: OrderStep) -> OrderStep:
    """The step on the trace of this rpc."""
    return OrderStep(step.key, step.decide, step.process_hears, carrier())


def _entry(row: TimelineRow) -> api.TimelineEntry:
    trace = row.headers.get("traceparent", "").split("-")
    return api.TimelineEntry(
        version=row.version,
        event_name=row.event_type.rpartition(".")[2],
        occur_time=to_time(row.occurred_at),
        event_id=row.event_id,
        trace_id=trace[1] if len(trace) > 1 else "",
        event_json=event_payload.to_json(row.event_type, row.payload),
    )
