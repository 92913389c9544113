"""`tandem.inventory.v1.SupplyService`: what is expected where, and goods between locations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message
from tandem.inventory.v1 import supply_line_pb2 as wire
from tandem.inventory.v1 import supply_service_pb2 as api
from tandem.inventory.v1 import supply_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_platform.fault_points import fp
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.adapters.postgres.supply_reads import SupplyReads
from tandem_inventory_availability.adapters.stock_writes import carrier
from tandem_inventory_availability.adapters.wire.supply_mapping import (
    from_arrival,
    from_lines,
    from_receipt,
    from_transfer,
    to_supply_line,
)
from tandem_inventory_availability.application.cancel_supply import CancelSupply
from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.application.receive_supply import ReceiveSupply
from tandem_inventory_availability.application.receive_transfer import ReceiveTransfer
from tandem_inventory_availability.application.start_transfer import StartTransfer
from tandem_inventory_availability.application.upsert_supply_lines import UpsertSupplyLines
from tandem_inventory_availability.domain.stock_book import Origin, StockBook
from tandem_inventory_availability.domain.supply_line import SupplyLine

TResponse = TypeVar("TResponse", bound=Message)


class SupplyCommand(Protocol):
    """A write on supply lines."""

    @property
    def origin(self) -> Origin:
        """Trace headers of the caller."""
        ...

    def needs(self) -> Needs:
        """The rows to lock before it is decided."""
        ...

    def decide(self, book: StockBook) -> list[SupplyLine]:
        """Changes the book. Raises a DomainError when a rule forbids it."""
        ...


class SupplyService(supply_service_pb2_grpc.SupplyServiceServicer):
    """Maps requests to commands, each in a transaction of its own."""

    def __init__(
        self, writes: IdempotentWrites, reads: SupplyReads, clock: Clock, page_tokens: PageTokens
    ) -> None:
        self._writes = writes
        self._reads = reads
        self._clock = clock
        self._page_tokens = page_tokens

    async def UpsertSupplyLines(
        self, request: api.UpsertSupplyLinesRequest, context: Any
    ) -> api.UpsertSupplyLinesResponse:
        """Makes or changes lines."""
        tenant = current_caller().tenant
        command = UpsertSupplyLines(tenant, from_lines(request, tenant), carrier())
        return await self._writes.run(
            request,
            self._effect(command, lambda x: api.UpsertSupplyLinesResponse(supply_lines=x)),
        )

    async def ReceiveSupply(
        self, request: api.ReceiveSupplyRequest, context: Any
    ) -> api.ReceiveSupplyResponse:
        """Books a receipt."""
        command = ReceiveSupply(from_receipt(request, current_caller().tenant), carrier())
        return await self._writes.run(
            request, self._effect(command, lambda x: api.ReceiveSupplyResponse(supply_line=x[0]))
        )

    async def CancelSupply(
        self, request: api.CancelSupplyRequest, context: Any
    ) -> api.CancelSupplyResponse:
        """Gives a line up."""
        command = CancelSupply(current_caller().tenant, request.supply_line_id, carrier())
        return await self._writes.run(
            request, self._effect(command, lambda x: api.CancelSupplyResponse(supply_line=x[0]))
        )

    async def StartTransfer(
        self, request: api.StartTransferRequest, context: Any
    ) -> api.StartTransferResponse:
        """Sends goods on their way."""
        command = StartTransfer(from_transfer(request, current_caller().tenant), carrier())
        return await self._writes.run(
            request, self._effect(command, lambda x: api.StartTransferResponse(supply_lines=x))
        )

    async def ReceiveTransfer(
        self, request: api.ReceiveTransferRequest, context: Any
    ) -> api.ReceiveTransferResponse:
        """Books an arrival."""
        command = ReceiveTransfer(from_arrival(request, current_caller().tenant), carrier())
        return await self._writes.run(
            request, self._effect(command, lambda x: api.ReceiveTransferResponse(supply_lines=x))
        )

    async def ListSupply(
        self, request: api.ListSupplyRequest, context: Any
    ) -> api.ListSupplyResponse:
        """A page of supply lines."""
        rows, tenant = page_size(request.page_size), current_caller().tenant
        after = self._page_tokens.decode(request.page_token, request)
        state = wire.SupplyLine.State.Name(request.state).removeprefix("STATE_")
        filters = (request.sku, request.location, "" if state == "UNSPECIFIED" else state)
        found = await self._reads.page(tenant, filters, str(after[0]) if after else "", rows + 1)
        token = ""
        if len(found) > rows:
            token = self._page_tokens.encode((found[rows - 1].id,), request)
        return api.ListSupplyResponse(
            supply_lines=[to_supply_line(line) for line in found[:rows]], next_page_token=token
        )

    def _effect(
        self, command: SupplyCommand, answer: Callable[[list[wire.SupplyLine]], TResponse]
    ) -> Callable[[UnitOfWork], Awaitable[TResponse]]:
        async def effect(uow: UnitOfWork) -> TResponse:
            transaction = PostgresStockTransaction(uow)
            book = await transaction.open([command.needs()], self._clock.now())
            book.origin = command.origin
            lines = command.decide(book)
            await transaction.store(book)
            await fp("inventory.after_supply")
            return answer([to_supply_line(line) for line in lines])

        return effect
