"""A servicer whose answers a test chooses; real contract, real wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tandem.ops.v1 import journal_service_pb2 as journal_pb
from tandem.ops.v1 import journal_service_pb2_grpc as journal_wire
from tandem.ops.v1 import operations_service_pb2 as pb
from tandem.ops.v1 import operations_service_pb2_grpc as wire

UUID = "018f0000-0000-7000-8000-000000000000"


def a_write(**changed: Any) -> pb.DiscardDeadLetterRequest:
    """A valid write."""
    fields = {"request_id": UUID, "dead_letter_id": UUID, "note": "seen", **changed}
    return pb.DiscardDeadLetterRequest(**fields)


class Operations(wire.OperationsServiceServicer):
    """Runs ``effect`` for every rpc used in these tests."""

    def __init__(self, effect: Callable[[], Awaitable[object]]) -> None:
        self._effect = effect

    async def GetServiceStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A read."""
        return pb.GetServiceStatusResponse(service=str(await self._effect()))

    async def DiscardDeadLetter(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A write."""
        await self._effect()
        return pb.DiscardDeadLetterResponse()


class JournalDouble(journal_wire.JournalServiceServicer):
    """A read of another rate class."""

    async def ListAggregateVersions(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Nothing."""
        return journal_pb.ListAggregateVersionsResponse()
