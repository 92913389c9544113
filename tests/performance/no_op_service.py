"""A Reserve that does nothing, behind all the steps of a real one: the baseline of `bench_reserve`.

``python no_op_service.py`` serves on TANDEM_GRPC_PORT until it is told to end.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import uvloop
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceServicer
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.settings import ServiceSettings


class NoOp(ReservationServiceServicer):
    """Answers at once with a reservation nobody made."""

    async def Reserve(self, request: api.ReserveRequest, context: Any) -> api.ReserveResponse:  # noqa: N802
        """The answer a real one would give, of the same size."""
        lines = [
            wire.ReservationLine(
                line_id=x.line_id, sku=x.sku, location=x.location, quantity=x.quantity
            )
            for x in request.lines
        ]
        reservation = wire.Reservation(
            id=request.request_id,
            owner=request.owner,
            channel=request.channel,
            reservation_class=request.reservation_class,
            state=wire.Reservation.STATE_CONFIRMED,
            version=1,
            lines=lines,
        )
        return api.ReserveResponse(reservation=reservation)


async def main() -> None:
    """Serves until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = GrpcServer(ServiceSettings(service_name="inventory-availability"), [NoOp()])
    await server.start()
    await stop.wait()
    await server.drain()


if __name__ == "__main__":
    uvloop.run(main())
