"""What the use cases need of the outside, in their own terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tandem_order_orchestrator.domain.events import OrderEvent
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_process import ProcessEvent
from tandem_order_orchestrator.domain.order_reservation import PlannedLine
from tandem_order_orchestrator.domain.sourcing import StockAt


@dataclass(frozen=True)
class OrderKey:
    """Names one order of one tenant."""

    tenant: str
    order_id: str


@dataclass(frozen=True)
class ProcessInput:
    """An event for the process of one order."""

    key: OrderKey
    event: ProcessEvent
    carrier: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedEvent:
    """An event and the version of the order it made."""

    order: Order
    version: int
    event: OrderEvent
    occurred_at: datetime
    carrier: Mapping[str, str] = field(default_factory=dict)
    """Trace context of the step that caused it, opaque here."""


class OrderTransaction(Protocol):
    """The rows of orders and their processes, inside one open transaction."""

    async def load(self, keys: Sequence[OrderKey]) -> dict[OrderKey, Order]:
        """The orders that exist, their rows locked in order of their keys."""
        ...

    async def store(self, orders: Sequence[Order], events: Sequence[RecordedEvent]) -> None:
        """Writes the orders and their events to the journal."""
        ...

    async def advance(
        self, inputs: Sequence[ProcessInput], now: datetime
    ) -> Mapping[OrderKey, Mapping[str, Any]]:
        """Feeds the processes in order; returns the data of each."""
        ...


@dataclass(frozen=True)
class ReserveOutcome:
    """What the availability service answered: a reservation id, or the reason it refused."""

    reservation_id: str = ""
    reason: str = ""


@dataclass(frozen=True)
class HeldReservation:
    """A live reservation of an order and the plan it was made by."""

    reservation_id: str
    plan: tuple[PlannedLine, ...]


class StockGateway(Protocol):
    """The availability service. Every call may be repeated with the same ``command_id``.

    Raises whatever the transport raises when there is no answer; the command is tried again.
    """

    async def stock_of(self, tenant: str, skus: Sequence[str]) -> list[StockAt]:
        """What each location that ships can promise. Raises StockRefused."""
        ...

    async def reserve(
        self, command_id: str, order: Order, plan: Sequence[PlannedLine]
    ) -> ReserveOutcome:
        """Reserves the whole plan or nothing; a live reservation of the order is replaced."""
        ...

    async def reservation_of(self, order: Order) -> HeldReservation | None:
        """The order's live reservation, if it has one."""
        ...

    async def release(self, command_id: str, tenant: str, reservation_id: str) -> None:
        """Gives back everything not shipped."""
        ...

    async def settle(self, command_id: str, tenant: str, values: Mapping[str, Any]) -> None:
        """Marks reserved units as shipped under the warehouse's reference."""
        ...

    async def record_sale(self, command_id: str, tenant: str, values: Mapping[str, Any]) -> None:
        """Takes sold goods out of a store's stock."""
        ...

    async def book_disposition(
        self, command_id: str, tenant: str, values: Mapping[str, Any]
    ) -> None:
        """Books returned goods by disposition."""
        ...
