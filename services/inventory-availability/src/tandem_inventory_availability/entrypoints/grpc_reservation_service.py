"""`tandem.inventory.v1.ReservationService`: claims on stock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem.inventory.v1 import reservation_service_pb2_grpc
from tandem.inventory.v1.stock_position_pb2 import StockPosition
from tandem_core.errors import DomainError, NotFound
from tandem_core.ids import IdFactory
from tandem_platform import error_details
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_inventory_availability.adapters.postgres.stock_read_models import StockReadModels
from tandem_inventory_availability.adapters.stock_writes import StockWrites, carrier
from tandem_inventory_availability.adapters.wire import reservation_mapping as mapping
from tandem_inventory_availability.application.ports import StockCommand
from tandem_inventory_availability.domain.errors import InsufficientStock
from tandem_inventory_availability.domain.stock_book import Origin

Q = TypeVar("Q", bound=Message)

error_details.register(InsufficientStock, lambda error: [mapping.to_shortage(error)])


class ReservationService(reservation_service_pb2_grpc.ReservationServiceServicer):
    """Maps requests to commands and reservations to responses."""

    def __init__(
        self,
        writes: StockWrites,
        read_models: StockReadModels,
        ids: IdFactory,
        page_tokens: PageTokens,
    ) -> None:
        self._writes = writes
        self._read_models = read_models
        self._ids = ids
        self._page_tokens = page_tokens

    async def Reserve(self, request: api.ReserveRequest, context: Any) -> api.ReserveResponse:
        """All lines or none."""
        return await self._reserve(request)

    async def _reserve(self, request: api.ReserveRequest) -> api.ReserveResponse:
        tenant = current_caller().tenant
        command = mapping.from_reserve(request, tenant, self._ids.new_id(), carrier())
        return await self._writes.reservation(request, command)

    async def _changed(
        self, request: Q, command_of: Callable[[Q, str, Origin], StockCommand]
    ) -> wire.Reservation:
        command = command_of(request, current_caller().tenant, carrier())
        return (await self._writes.reservation(request, command)).reservation

    async def _moved(
        self, request: Q, command_of: Callable[[Q, str, Origin], StockCommand]
    ) -> Sequence[StockPosition]:
        command = command_of(request, current_caller().tenant, carrier())
        return (await self._writes.positions(request, command)).stock_positions

    async def BatchReserve(
        self, request: api.BatchReserveRequest, context: Any
    ) -> api.BatchReserveResponse:
        """Many reservations through the queue of the single ones, each with its own answer."""
        answers = await asyncio.gather(
            *(self._reserve(one) for one in request.requests), return_exceptions=True
        )
        return api.BatchReserveResponse(results=[_result(answer) for answer in answers])

    async def ConfirmReservation(
        self, request: api.ConfirmReservationRequest, context: Any
    ) -> api.ConfirmReservationResponse:
        """A hold becomes a claim without an end."""
        changed = await self._changed(request, mapping.from_confirm)
        return api.ConfirmReservationResponse(reservation=changed)

    async def ReleaseReservation(
        self, request: api.ReleaseReservationRequest, context: Any
    ) -> api.ReleaseReservationResponse:
        """Gives units back."""
        changed = await self._changed(request, mapping.from_release)
        return api.ReleaseReservationResponse(reservation=changed)

    async def SettleShipment(
        self, request: api.SettleShipmentRequest, context: Any
    ) -> api.SettleShipmentResponse:
        """Claimed units left."""
        changed = await self._changed(request, mapping.from_settle)
        return api.SettleShipmentResponse(reservation=changed)

    async def AmendReservation(
        self, request: api.AmendReservationRequest, context: Any
    ) -> api.AmendReservationResponse:
        """Other quantities."""
        changed = await self._changed(request, mapping.from_amend)
        return api.AmendReservationResponse(reservation=changed)

    async def ExtendReservation(
        self, request: api.ExtendReservationRequest, context: Any
    ) -> api.ExtendReservationResponse:
        """A later end."""
        changed = await self._changed(request, mapping.from_extend)
        return api.ExtendReservationResponse(reservation=changed)

    async def PinReservation(
        self, request: api.PinReservationRequest, context: Any
    ) -> api.PinReservationResponse:
        """Units get their location."""
        changed = await self._changed(request, mapping.from_pin)
        return api.PinReservationResponse(reservation=changed)

    async def TransferReservationOwner(
        self, request: api.TransferReservationOwnerRequest, context: Any
    ) -> api.TransferReservationOwnerResponse:
        """Another owner."""
        changed = await self._changed(request, mapping.from_transfer)
        return api.TransferReservationOwnerResponse(reservation=changed)

    async def ReverseSettlement(
        self, request: api.ReverseSettlementRequest, context: Any
    ) -> api.ReverseSettlementResponse:
        """Units did not leave."""
        changed = await self._changed(request, mapping.from_reversal)
        return api.ReverseSettlementResponse(reservation=changed)

    async def RecordReturnReceipt(
        self, request: api.RecordReturnReceiptRequest, context: Any
    ) -> api.RecordReturnReceiptResponse:
        """Returned goods arrived."""
        moved = await self._moved(request, mapping.from_return_receipt)
        return api.RecordReturnReceiptResponse(stock_positions=moved)

    async def RecordSale(
        self, request: api.RecordSaleRequest, context: Any
    ) -> api.RecordSaleResponse:
        """A store sold goods."""
        moved = await self._moved(request, mapping.from_sale)
        return api.RecordSaleResponse(stock_positions=moved)

    async def ApplyDisposition(
        self, request: api.ApplyDispositionRequest, context: Any
    ) -> api.ApplyDispositionResponse:
        """Returned goods are booked."""
        moved = await self._moved(request, mapping.from_disposition)
        return api.ApplyDispositionResponse(stock_positions=moved)

    async def GetReservation(
        self, request: api.GetReservationRequest, context: Any
    ) -> api.GetReservationResponse:
        """One reservation."""
        found = await self._read_models.reservation(current_caller().tenant, request.reservation_id)
        if found is None:
            raise NotFound("reservation", request.reservation_id)
        return api.GetReservationResponse(reservation=mapping.to_reservation(found))

    async def ListReservations(
        self, request: api.ListReservationsRequest, context: Any
    ) -> api.ListReservationsResponse:
        """A page of reservations."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        before = str(after[0]) if after else None
        tenant = current_caller().tenant
        found = await self._read_models.reservations(tenant, request.owner_id, before, rows + 1)
        token = ""
        if len(found) > rows:
            token = self._page_tokens.encode((found[rows - 1].id,), request)
        return api.ListReservationsResponse(
            reservations=[mapping.to_reservation(item) for item in found[:rows]],
            next_page_token=token,
        )


def _result(answer: api.ReserveResponse | BaseException) -> api.BatchReserveResult:
    if isinstance(answer, api.ReserveResponse):
        return api.BatchReserveResult(reservation=answer.reservation)
    if isinstance(answer, InsufficientStock):
        shortage = mapping.to_shortage(answer)
        return api.BatchReserveResult(reason=answer.reason, shortage=shortage)
    if isinstance(answer, DomainError):
        return api.BatchReserveResult(reason=answer.reason)
    raise answer
