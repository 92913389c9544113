"""`tandem.inventory.v1.StockOpsService`: corrections by people, and counts they are asked for."""

from __future__ import annotations

from typing import Any

from tandem.inventory.v1 import stock_ops_service_pb2 as api
from tandem.inventory.v1 import stock_ops_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres.count_rows import (
    PostgresCountStore,
    count_requests,
)
from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.adapters.stock_writes import StockWrites, carrier
from tandem_inventory_availability.adapters.wire.reservation_mapping import from_time
from tandem_inventory_availability.adapters.wire.signal_mapping import from_state
from tandem_inventory_availability.adapters.wire.source_mapping import to_count_request
from tandem_inventory_availability.adapters.wire.stock_mapping import to_stock_position
from tandem_inventory_availability.application.adjust_stock import AdjustStock
from tandem_inventory_availability.application.move_state import MoveState
from tandem_inventory_availability.application.request_count import request_count
from tandem_inventory_availability.application.submit_count import SubmitCount, submit_count
from tandem_inventory_availability.domain.stock_operations import Correction
from tandem_inventory_availability.domain.stock_position import StockKey

Keyed = (
    api.MoveStateRequest | api.AdjustStockRequest | api.RequestCountRequest | api.SubmitCountRequest
)


class StockOpsService(stock_ops_service_pb2_grpc.StockOpsServiceServicer):
    """Maps requests to corrections; those without a count go through the queue of all commands."""

    def __init__(
        self,
        database: Database,
        writes: StockWrites,
        idempotent: IdempotentWrites,
        clock: Clock,
        page_tokens: PageTokens,
    ) -> None:
        self._database = database
        self._writes = writes
        self._idempotent = idempotent
        self._clock = clock
        self._page_tokens = page_tokens

    async def MoveState(self, request: api.MoveStateRequest, context: Any) -> api.MoveStateResponse:
        """Units change their state."""
        ends = (
            from_state(request.from_state, "from_state"),
            from_state(request.to_state, "to_state"),
        )
        why = Correction(request.reason, request.reference)
        command = MoveState(_key(request), ends, request.quantity, why, carrier())
        answer = await self._writes.positions(request, command)
        return api.MoveStateResponse(stock_position=answer.stock_positions[0])

    async def AdjustStock(
        self, request: api.AdjustStockRequest, context: Any
    ) -> api.AdjustStockResponse:
        """Units were found or lost."""
        expected = request.expected_quantity if request.HasField("expected_quantity") else None
        command = AdjustStock(
            key=_key(request),
            state=from_state(request.state, "state"),
            delta=request.delta,
            expected=expected,
            why=Correction(request.reason, request.reference),
            origin=carrier(),
        )
        answer = await self._writes.positions(request, command)
        return api.AdjustStockResponse(stock_position=answer.stock_positions[0])

    async def RequestCount(
        self, request: api.RequestCountRequest, context: Any
    ) -> api.RequestCountResponse:
        """Somebody shall count."""
        key, state = _key(request), from_state(request.state, "state")

        async def ask(uow: UnitOfWork) -> api.RequestCountResponse:
            store = PostgresCountStore(uow)
            found = await request_count(store, key, state, request.reason, self._clock.now())
            return api.RequestCountResponse(count_request=to_count_request(found))

        return await self._idempotent.run(request, ask)

    async def SubmitCount(
        self, request: api.SubmitCountRequest, context: Any
    ) -> api.SubmitCountResponse:
        """Somebody counted."""
        has_time = request.HasField("count_time")
        wanted = SubmitCount(
            key=_key(request),
            state=from_state(request.state, "state"),
            quantity=request.quantity,
            counted_at=from_time(request.count_time) if has_time else self._clock.now(),
            reason=request.reason,
        )

        async def submit(uow: UnitOfWork) -> api.SubmitCountResponse:
            position, variance = await submit_count(
                PostgresCountStore(uow), PostgresStockTransaction(uow), wanted, self._clock.now()
            )
            found = to_stock_position(position)
            return api.SubmitCountResponse(stock_position=found, variance=variance)

        return await self._idempotent.run(request, submit)

    async def ListCountRequests(
        self, request: api.ListCountRequestsRequest, context: Any
    ) -> api.ListCountRequestsResponse:
        """A page of count requests."""
        rows = page_size(request.page_size)
        token = self._page_tokens.decode(request.page_token, request)
        after = (str(token[0]), str(token[1])) if token else None
        wanted = (request.location, request.include_counted)
        async with self._database.transaction() as connection:
            tenant = current_caller().tenant
            found = await count_requests(connection, tenant, wanted, after, rows + 1)
        next_token = ""
        if len(found) > rows:
            last = found[rows - 1]
            next_token = self._page_tokens.encode((last.created_at.isoformat(), last.id), request)
        return api.ListCountRequestsResponse(
            count_requests=[to_count_request(item) for item in found[:rows]],
            next_page_token=next_token,
        )


def _key(request: Keyed) -> StockKey:
    return StockKey(current_caller().tenant, request.sku, request.location)
