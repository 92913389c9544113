"""Operators' calls to the services, with the suite's operator key."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from tandem.ops.v1 import operations_service_pb2 as api
from tandem.ops.v1.dead_letter_pb2 import DeadLetter
from tandem.ops.v1.operations_service_pb2_grpc import OperationsServiceStub
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.remote_error import RemoteError
from tandem_platform.request_context import Caller
from tandem_platform.settings import ServiceSettings

from tandem_local.demo_connections import TENANT
from tandem_local.layout import SERVICES, Layout, Running
from tandem_local.secrets_of_suite import OPERATOR

if TYPE_CHECKING:
    # Only the typed stubs know the name; at run time there is one stub for both kinds of channel.
    from tandem.ops.v1.operations_service_pb2_grpc import OperationsServiceAsyncStub

SCOPES = frozenset({"ops:read", "ops:write"})
WITH_OPERATIONS = tuple(service for service in SERVICES if service != "gateway")

T = TypeVar("T")


class OperatorCalls:
    """One operator at one running suite."""

    def __init__(self, layout: Layout, running: Running) -> None:
        self._layout = layout
        self._running = running

    def statuses(self) -> dict[str, api.GetServiceStatusResponse | RemoteError]:
        """The status of every service, or why it could not be had."""
        found: dict[str, api.GetServiceStatusResponse | RemoteError] = {}
        for service in WITH_OPERATIONS:
            try:
                found[service] = self._call(
                    service, lambda stub: stub.GetServiceStatus(api.GetServiceStatusRequest())
                )
            except RemoteError as error:
                found[service] = error
        return found

    def dead_letters(self, service: str) -> list[DeadLetter]:
        """The newest open dead letters of a service."""
        request = api.ListDeadLettersRequest(page_size=250)
        return list(self._call(service, lambda stub: stub.ListDeadLetters(request)).dead_letters)

    def dead_letter(self, dead_letter_id: str) -> tuple[str, DeadLetter]:
        """A dead letter and the service that has it. Raises SystemExit when none has."""
        request = api.GetDeadLetterRequest(dead_letter_id=dead_letter_id)
        for service in WITH_OPERATIONS:
            try:
                answer = self._call(service, lambda stub: stub.GetDeadLetter(request))
            except RemoteError as error:
                if error.reason != "NOT_FOUND":
                    raise
            else:
                return service, answer.dead_letter
        raise SystemExit(f"no service has a dead letter {dead_letter_id}")

    def requeue(self, dead_letter_id: str, payload_json: str) -> DeadLetter:
        """Sends a dead letter round again."""
        service, _ = self.dead_letter(dead_letter_id)
        request = api.RequeueDeadLetterRequest(
            request_id=str(uuid.uuid4()),
            dead_letter_id=dead_letter_id,
            repaired_payload_json=payload_json,
        )
        answer = self._call(service, lambda stub: stub.RequeueDeadLetter(request))
        return answer.dead_letter

    def replay(
        self, service: str, aggregate_type: str, aggregate_id: str, *, dry_run: bool
    ) -> api.ReplayEventsResponse:
        """Publishes events of a service again, or counts them."""
        request = api.ReplayEventsRequest(
            request_id=str(uuid.uuid4()),
            dry_run=dry_run,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
        )
        return self._call(service, lambda stub: stub.ReplayEvents(request))

    def _call(self, service: str, call: Callable[[OperationsServiceAsyncStub], Awaitable[T]]) -> T:
        return asyncio.run(self._call_async(service, call))

    async def _call_async(
        self, service: str, call: Callable[[OperationsServiceAsyncStub], Awaitable[T]]
    ) -> T:
        port = self._running.ports.grpc[service]
        settings = ServiceSettings(
            service_name=OPERATOR,
            peers={service: f"127.0.0.1:{port}"},
            signing_key_file=self._layout.signing_key(OPERATOR),
        )
        caller = Caller(subject=OPERATOR, tenant=TENANT, scopes=SCOPES)
        async with ServiceChannel(settings, service, identity=lambda: caller) as channel:
            return await call(OperationsServiceStub(channel))
