"""The availability service behind the port of the use cases.

Request ids are made from the command, so a repeated command is one request at the other side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from grpc import StatusCode
from tandem.inventory.v1 import availability_service_pb2 as availability
from tandem.inventory.v1 import reservation_pb2 as reservation
from tandem.inventory.v1 import reservation_service_pb2 as reservations
from tandem.inventory.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tandem_core.ids import deterministic_id
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.remote_error import RemoteError
from tandem_platform.request_context import Caller, Deadline, acting_as

from tandem_order_orchestrator.adapters.wire.money_mapping import to_time
from tandem_order_orchestrator.application.ports import HeldReservation, ReserveOutcome
from tandem_order_orchestrator.application.process_values import reservation_line_id
from tandem_order_orchestrator.domain.errors import StockRefused
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_reservation import PlannedLine
from tandem_order_orchestrator.domain.sourcing import StockAt

CALL_SECONDS_MAX = 4.0
REFUSAL_CODES = frozenset({StatusCode.INVALID_ARGUMENT, StatusCode.FAILED_PRECONDITION})
"""What the same request would meet again for ever: the order is rejected, not tried again."""
LIVE_STATES = (reservation.Reservation.STATE_CONFIRMED, reservation.Reservation.STATE_HELD)


class GrpcStockGateway:
    """Calls the availability service for the tenant of each command."""

    def __init__(self, channel: ServiceChannel) -> None:
        self._availability = AvailabilityServiceStub(channel)
        self._reservations = ReservationServiceStub(channel)

    async def stock_of(self, tenant: str, skus: Sequence[str]) -> list[StockAt]:
        """What each location that ships can promise. Raises StockRefused for an unknown SKU."""
        request = availability.GetAvailabilityRequest(skus=skus)
        try:
            with _for(tenant):
                answer = await self._availability.GetAvailability(request)
        except RemoteError as error:
            if _refused(error):
                raise StockRefused(error.reason) from error
            raise
        return [
            StockAt(item.sku, item.location, item.available, item.priority)
            for item in answer.availabilities
        ]

    async def reserve(
        self, command_id: str, order: Order, plan: Sequence[PlannedLine]
    ) -> ReserveOutcome:
        """Reserves the whole plan or nothing."""
        parts = [f"{p.line_ref}@{p.location}={p.quantity}" for p in plan]
        request = reservations.ReserveRequest(
            # Another plan is another request; the same plan tried again is the same one.
            request_id=deterministic_id("reserve", command_id, *parts),
            owner=reservation.ReservationOwner(type="order", id=order.id),
            channel=order.draft.channel,
            reservation_class=reservation.RESERVATION_CLASS_HARD,
            lines=[_reserve_line(order, planned) for planned in plan],
        )
        try:
            with _for(order.tenant):
                answer = await self._reservations.Reserve(request)
        except RemoteError as error:
            if _refused(error):
                return ReserveOutcome(reason=error.reason)
            raise
        return ReserveOutcome(reservation_id=answer.reservation.id)

    async def reservation_of(self, order: Order) -> HeldReservation | None:
        """The order's live reservation, if it has one."""
        request = reservations.ListReservationsRequest(owner_id=order.id, page_size=10)
        with _for(order.tenant):
            answer = await self._reservations.ListReservations(request)
        for item in answer.reservations:
            if item.state in LIVE_STATES:
                plan = tuple(_planned(order, line) for line in item.lines)
                return HeldReservation(item.id, plan)
        return None

    async def release(self, command_id: str, tenant: str, reservation_id: str) -> None:
        """Gives back everything not shipped."""
        request = reservations.ReleaseReservationRequest(
            request_id=command_id, reservation_id=reservation_id, note="CANCELLED"
        )
        with _for(tenant):
            await self._reservations.ReleaseReservation(request)

    async def settle(self, command_id: str, tenant: str, values: Mapping[str, Any]) -> None:
        """Marks reserved units as shipped."""
        request = reservations.SettleShipmentRequest(
            request_id=command_id,
            reservation_id=values["reservation_id"],
            shipment_ref=values["shipment_ref"],
            lines=[
                reservations.ReservationQuantity(line_id=x["line_id"], quantity=x["quantity"])
                for x in values["lines"]
            ],
            ship_time=to_time(datetime.fromisoformat(values["shipped_at"])),
        )
        with _for(tenant):
            await self._reservations.SettleShipment(request)

    async def record_sale(self, command_id: str, tenant: str, values: Mapping[str, Any]) -> None:
        """Takes sold goods out of a store's stock."""
        request = reservations.RecordSaleRequest(
            request_id=command_id,
            sale_ref=values["sale_ref"],
            lines=[reservations.ReserveLine(**line) for line in values["lines"]],
            sale_time=to_time(datetime.fromisoformat(values["sold_at"])),
        )
        with _for(tenant):
            await self._reservations.RecordSale(request)

    async def book_disposition(
        self, command_id: str, tenant: str, values: Mapping[str, Any]
    ) -> None:
        """Books returned goods by disposition."""
        request = reservations.ApplyDispositionRequest(
            request_id=command_id,
            return_ref=values["return_ref"],
            lines=[_disposition_line(line) for line in values["lines"]],
            disposition_time=to_time(datetime.fromisoformat(values["approved_at"])),
        )
        with _for(tenant):
            await self._reservations.ApplyDisposition(request)


def _for(tenant: str) -> Any:
    caller = Caller(subject="order-orchestrator", tenant=tenant)
    return acting_as(caller, deadline=Deadline.after(CALL_SECONDS_MAX))


def _reserve_line(order: Order, planned: PlannedLine) -> reservations.ReserveLine:
    return reservations.ReserveLine(
        line_id=reservation_line_id(planned.line_ref, planned.location),
        sku=order.line(planned.line_ref).draft.sku,
        location=planned.location,
        quantity=planned.quantity,
    )


def _planned(order: Order, line: reservation.ReservationLine) -> PlannedLine:
    for own in order.lines:
        if reservation_line_id(own.draft.line_ref, line.location) == line.line_id:
            return PlannedLine(own.draft.line_ref, line.location, line.quantity)
    raise LookupError(f"reservation line {line.line_id} is of no line of order {order.id}")


def _refused(error: RemoteError) -> bool:
    return bool(error.reason) and error.code in REFUSAL_CODES and not error.retryable


def _disposition_line(line: Mapping[str, Any]) -> reservations.DispositionLine:
    return reservations.DispositionLine(
        line_id=line["line_id"],
        sku=line["sku"],
        location=line["location"],
        quantity=line["quantity"],
        disposition=reservations.Disposition.Value(f"DISPOSITION_{line['disposition']}"),
    )
