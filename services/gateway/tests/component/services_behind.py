# ruff: noqa: N802 - rpcs are named by their contract
"""Real gRPC services with answers a test chooses, behind the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from google.protobuf.duration_pb2 import Duration
from tandem.connector.v1 import ingress_service_pb2 as ingress_pb
from tandem.connector.v1 import ingress_service_pb2_grpc as ingress_wire
from tandem.order.v1 import order_pb2, order_service_pb2_grpc
from tandem.order.v1 import order_service_pb2 as order_pb
from tandem_core.errors import DomainError, NotFound
from tandem_platform import error_details, request_context
from tandem_platform.request_context import Caller, current_caller

KNOWN = "018f0000-0000-7000-8000-000000000001"


@dataclass(eq=False)
class OrderStateRefused(DomainError):
    reason: ClassVar[str] = "ORDER_STATE"
    order_id: str
    state: str


@dataclass(eq=False)
class SignatureInvalid(DomainError):
    reason: ClassVar[str] = "WEBHOOK_SIGNATURE_INVALID"
    connection_id: str


error_details.register(OrderStateRefused, lambda error: [Duration(seconds=7)])


class OrderDouble(order_service_pb2_grpc.OrderServiceServicer):
    """Knows one order; a write repeated with its request id is a replay."""

    def __init__(self) -> None:
        self.submitted: list[order_pb.SubmitOrderRequest] = []
        self.callers: list[Caller] = []
        self.trace_parents: list[str] = []
        self.fails_with: Exception | None = None

    async def SubmitOrder(self, request: Any, context: Any) -> Any:
        """Takes the order."""
        self._note(context)
        if any(known.request_id == request.request_id for known in self.submitted):
            request_context.add_trailing_metadata("tandem-replayed", "true")
        self.submitted.append(request)
        return order_pb.SubmitOrderResponse(order=order_pb2.Order(id=KNOWN))

    async def GetOrder(self, request: Any, context: Any) -> Any:
        """The one order, or NOT_FOUND."""
        self._note(context)
        if request.order_id != KNOWN:
            raise NotFound("order", request.order_id)
        return order_pb.GetOrderResponse(order=order_pb2.Order(id=KNOWN))

    async def CancelOrder(self, request: Any, context: Any) -> Any:
        """Always too late."""
        raise OrderStateRefused(request.order_id, "SHIPPED")

    def _note(self, context: Any) -> None:
        self.callers.append(current_caller())
        metadata = dict(context.invocation_metadata())
        self.trace_parents.append(str(metadata.get("traceparent", "")))
        if self.fails_with is not None:
            raise self.fails_with


class IngressDouble(ingress_wire.IngressServiceServicer):
    """Keeps what came; refuses webhooks without the right signature."""

    def __init__(self) -> None:
        self.webhooks: list[ingress_pb.ReceiveWebhookRequest] = []
        self.files: list[ingress_pb.ReceiveFileRequest] = []
        self.callers: list[Caller] = []

    async def ReceiveWebhook(self, request: Any, context: Any) -> Any:
        """Stores, when signed."""
        self.callers.append(current_caller())
        if request.headers.get("x-signature") != "good":
            raise SignatureInvalid(request.connection_id)
        self.webhooks.append(request)
        return ingress_pb.ReceiveWebhookResponse()

    async def ReceiveFile(self, request: Any, context: Any) -> Any:
        """Stores; the same content again is a duplicate."""
        self.callers.append(current_caller())
        duplicate = request in self.files
        self.files.append(request)
        return ingress_pb.ReceiveFileResponse(duplicate=duplicate)
