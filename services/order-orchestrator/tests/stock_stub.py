"""The availability service as the order service sees it, with switches for what goes wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from google.protobuf.message import Message
from tandem.inventory.v1 import availability_service_pb2 as availability
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem.inventory.v1.availability_service_pb2_grpc import AvailabilityServiceServicer
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceServicer
from tandem_core.errors import DomainError
from tandem_core.ids import deterministic_id
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.internal_token import TokenVerifier
from tandem_platform.settings import ServiceSettings

LIVE = (wire.Reservation.STATE_HELD, wire.Reservation.STATE_CONFIRMED)


@dataclass(eq=False)
class InsufficientStock(DomainError):
    reason: ClassVar[str] = "INSUFFICIENT_STOCK"
    sku: str


@dataclass(eq=False)
class SkuUnknown(DomainError):
    reason: ClassVar[str] = "SKU_UNKNOWN"
    sku: str


@dataclass(eq=False)
class ReservationLineRefused(DomainError):
    reason: ClassVar[str] = "RESERVATION_LINE"
    line_id: str


class Unavailable(DomainError):
    reason: ClassVar[str] = "UNAVAILABLE"


class ReplyLost(Exception):
    """Done, but nobody hears of it."""


@dataclass
class Stock:
    """What the stub knows; tests read and turn it."""

    on_hand: dict[tuple[str, str], int] = field(default_factory=dict)
    reservations: dict[str, wire.Reservation] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    """Rpcs in the order they came."""
    settled: list[tuple[str, str]] = field(default_factory=list)
    sales: list[str] = field(default_factory=list)
    dispositions: list[tuple[str, str, int]] = field(default_factory=list)
    fail: Counter[str] = field(default_factory=Counter)
    """By rpc: this many calls fail before anything happens."""
    lose_replies: Counter[str] = field(default_factory=Counter)
    """By rpc: this many calls are done, but their answers get lost."""
    refuse: dict[str, DomainError] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Reserve waits for it after it has claimed."""
    answers: dict[str, Message] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gate.set()

    def begin(self, on_hand: dict[tuple[str, str], int]) -> None:
        """Everything anew, for the next test."""
        vars(self).update(vars(Stock(on_hand=on_hand)))

    def live(self, owner_id: str = "") -> list[wire.Reservation]:
        return [
            item
            for item in self.reservations.values()
            if item.state in LIVE and owner_id in ("", item.owner.id)
        ]

    def available(self, sku: str, location: str) -> int:
        claimed = sum(
            line.quantity
            for item in self.live()
            for line in item.lines
            if (line.sku, line.location) == (sku, location)
        )
        return self.on_hand.get((sku, location), 0) - claimed

    def enter(self, rpc: str) -> None:
        self.calls[rpc] += 1
        self.log.append(rpc)
        if self.fail[rpc] > 0:
            self.fail[rpc] -= 1
            raise Unavailable
        if rpc in self.refuse:
            raise self.refuse[rpc]

    def leave(self, rpc: str) -> None:
        if self.lose_replies[rpc] > 0:
            self.lose_replies[rpc] -= 1
            # Not a code the channel repeats by itself: the command has to come again.
            raise ReplyLost


class StubReservations(ReservationServiceServicer):
    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    async def Reserve(self, request: api.ReserveRequest, context: Any) -> Message:  # noqa: N802
        stock = self._stock
        stock.enter("Reserve")
        if request.request_id not in stock.answers:
            stock.answers[request.request_id] = self._reserve(request)
        await stock.gate.wait()
        stock.leave("Reserve")
        return stock.answers[request.request_id]

    def _reserve(self, request: api.ReserveRequest) -> Message:
        stock = self._stock
        for line in request.lines:
            if stock.available(line.sku, line.location) < line.quantity:
                raise InsufficientStock(line.sku)
        for item in stock.live(request.owner.id):
            item.state = wire.Reservation.STATE_RELEASED
        made = wire.Reservation(
            id=deterministic_id("stub", request.request_id),
            owner=request.owner,
            state=wire.Reservation.STATE_CONFIRMED,
            lines=[
                wire.ReservationLine(
                    line_id=x.line_id, sku=x.sku, location=x.location, quantity=x.quantity
                )
                for x in request.lines
            ],
        )
        stock.reservations[made.id] = made
        return api.ReserveResponse(reservation=made)

    async def ListReservations(self, request: Any, context: Any) -> Message:  # noqa: N802
        self._stock.enter("ListReservations")
        found = [r for r in self._stock.reservations.values() if r.owner.id == request.owner_id]
        return api.ListReservationsResponse(reservations=found)

    async def ReleaseReservation(self, request: Any, context: Any) -> Message:  # noqa: N802
        self._stock.enter("ReleaseReservation")
        item = self._stock.reservations[request.reservation_id]
        item.state = wire.Reservation.STATE_RELEASED
        self._stock.leave("ReleaseReservation")
        return api.ReleaseReservationResponse(reservation=item)

    async def SettleShipment(self, request: Any, context: Any) -> Message:  # noqa: N802
        self._stock.enter("SettleShipment")
        item = self._stock.reservations[request.reservation_id]
        known = {line.line_id for line in item.lines}
        assert {line.line_id for line in request.lines} <= known
        self._once(request, (item.owner.id, request.shipment_ref), self._stock.settled)
        self._stock.leave("SettleShipment")
        return api.SettleShipmentResponse(reservation=item)

    async def RecordSale(self, request: Any, context: Any) -> Message:  # noqa: N802
        self._stock.enter("RecordSale")
        self._once(request, request.sale_ref, self._stock.sales)
        self._stock.leave("RecordSale")
        return api.RecordSaleResponse()

    async def ApplyDisposition(self, request: Any, context: Any) -> Message:  # noqa: N802
        self._stock.enter("ApplyDisposition")
        for line in request.lines:
            name = api.Disposition.Name(line.disposition).removeprefix("DISPOSITION_")
            done = (name, f"{line.sku}@{line.location}", line.quantity)
            self._once(request, done, self._stock.dispositions, line.line_id)
        self._stock.leave("ApplyDisposition")
        return api.ApplyDispositionResponse()

    def _once(self, request: Any, done: Any, effects: list[Any], part: str = "") -> None:
        key = f"{request.request_id}/{part}"
        if key not in self._stock.answers:
            self._stock.answers[key] = request
            effects.append(done)


class StubAvailability(AvailabilityServiceServicer):
    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    async def GetAvailability(self, request: Any, context: Any) -> Message:  # noqa: N802
        self._stock.enter("GetAvailability")
        known = {sku for sku, _ in self._stock.on_hand}
        for sku in request.skus:
            if sku not in known:
                raise SkuUnknown(sku)
        return availability.GetAvailabilityResponse(
            availabilities=[
                availability.Availability(
                    sku=sku,
                    location=location,
                    available=self._stock.available(sku, location),
                    priority=0 if location.startswith("DC") else 10,
                )
                for sku, location in self._stock.on_hand
                if sku in request.skus
            ]
        )


@asynccontextmanager
async def serving_stock(stock: Stock, public_key: str) -> AsyncIterator[str]:
    """The address the stub listens on."""
    settings = ServiceSettings(
        service_name="inventory-availability", drain_wait_ms=0, drain_grace_ms=100
    )
    server = GrpcServer(
        settings,
        [StubReservations(stock), StubAvailability(stock)],
        verifier=TokenVerifier(settings.service_name, {"order-orchestrator": public_key}),
    )
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        stock.gate.set()
        await server.drain()
