"""All commands go through one queue; a transaction holds a batch of mixed ones."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem_core.clock import Clock
from tandem_platform import telemetry
from tandem_platform.fault_points import fp
from tandem_platform.group_writes import GroupWrites
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.adapters.wire.reservation_mapping import to_reservation
from tandem_inventory_availability.adapters.wire.stock_mapping import to_stock_position
from tandem_inventory_availability.application.carry_out_commands import carry_out_commands
from tandem_inventory_availability.application.ports import Result, StockCommand
from tandem_inventory_availability.domain.reservation import Reservation


def carrier() -> dict[str, str]:
    """The current trace context, to travel with a command."""
    headers: dict[str, str] = {}
    telemetry.inject(headers)
    return headers


class StockWrites:
    """The queue of commands. Answers are kept as `Any`, since the commands of a batch differ."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock, *, batch_max: int) -> None:
        self._clock = clock
        self.requests = GroupWrites[StockCommand, AnyMessage](
            units, self._effects, AnyMessage, name="stock commands", batch_max=batch_max
        )

    async def reservation(self, request: Message, command: StockCommand) -> api.ReserveResponse:
        """The answer of a command on a reservation; all of them have this shape.

        Raises RequestIdReused, Overloaded, or what the command met.
        """
        answer = await self.requests.submit(request, command)
        response = api.ReserveResponse()
        answer.Unpack(response)
        return response

    async def positions(self, request: Message, command: StockCommand) -> api.RecordSaleResponse:
        """The answer of a command that moves stock. Raises as `reservation`."""
        answer = await self.requests.submit(request, command)
        response = api.RecordSaleResponse()
        answer.Unpack(response)
        return response

    async def _effects(
        self, uow: UnitOfWork, commands: Sequence[StockCommand]
    ) -> list[AnyMessage | Exception]:
        transaction = PostgresStockTransaction(uow)
        results = await carry_out_commands(transaction, commands, self._clock.now())
        await fp("inventory.after_decide")
        return [r if isinstance(r, Exception) else _packed(r) for r in results]


def _packed(result: Result) -> AnyMessage:
    answer = AnyMessage()
    if isinstance(result, Reservation):
        answer.Pack(api.ReserveResponse(reservation=to_reservation(result)))
    else:
        positions = [to_stock_position(position) for position in result]
        answer.Pack(api.RecordSaleResponse(stock_positions=positions))
    return answer
