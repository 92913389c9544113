"""What operators ask of one service: how it stands, its dead letters, replays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opentelemetry import trace
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tandem.ops.v1 import dead_letter_pb2, operations_service_pb2, operations_service_pb2_grpc

from tandem_platform import dead_letters, event_payload, replay, telemetry
from tandem_platform.consumer import ConsumerRunner, ConsumerStanding
from tandem_platform.dead_letters import DeadLetter
from tandem_platform.health import Health
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.jetstream import JetStream
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.relay import Backlog, Relay
from tandem_platform.request_context import current_deadline
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

REQUEUE_WAIT_S_MAX = 3.0
REQUEUE_MARGIN_S = 0.3
_POLL_S = 0.05

Count = Callable[[], Awaitable[int]]


async def no_count() -> int:
    """The figure of a service without sagas or commands."""
    return 0


@dataclass(frozen=True)
class OperationsParts:
    """What the operations service looks at; services without sagas or commands leave theirs."""

    service: str
    replica: str
    units: UnitOfWorkFactory
    bus: JetStream
    relay: Relay | None
    consumers: Sequence[ConsumerRunner]
    writes: IdempotentWrites
    page_tokens: PageTokens
    health: Health
    active_sagas: Count = no_count
    pending_commands: Count = no_count
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class OperationsServicer(operations_service_pb2_grpc.OperationsServiceServicer):
    """Serves `tandem.ops.v1.OperationsService`."""

    def __init__(self, parts: OperationsParts) -> None:
        self._parts = parts
        self._database = parts.units.database

    async def GetServiceStatus(  # noqa: N802
        self, request: operations_service_pb2.GetServiceStatusRequest, context: object
    ) -> operations_service_pb2.GetServiceStatusResponse:
        """Answers also while a dependency is away; what depends on it is 0 then."""
        response = operations_service_pb2.GetServiceStatusResponse(
            service=self._parts.service,
            replica=self._parts.replica,
            serving=self._parts.health.serving,
        )
        response.start_time.FromDatetime(self._parts.started_at)
        fault = await self._database_fault()
        response.dependencies.add(name="postgres", reachable=not fault, detail=fault)
        connected = self._parts.bus.connected
        told = "" if connected else "not connected"
        response.dependencies.add(name="nats", reachable=connected, detail=told)
        if not fault:
            await self._add_figures(response)
        return response

    async def ListDeadLetters(  # noqa: N802
        self, request: operations_service_pb2.ListDeadLettersRequest, context: object
    ) -> operations_service_pb2.ListDeadLettersResponse:
        """One page, newest first, without payloads."""
        position = self._parts.page_tokens.decode(request.page_token, request)
        before = (datetime.fromisoformat(str(position[0])), str(position[1])) if position else None
        size = page_size(request.page_size)
        async with self._database.transaction() as connection:
            letters = await dead_letters.page(connection, _state_name(request), before, size + 1)
        response = operations_service_pb2.ListDeadLettersResponse(
            dead_letters=[to_wire(letter, payload=False) for letter in letters[:size]]
        )
        if len(letters) > size:
            last = letters[size - 1]
            response.next_page_token = self._parts.page_tokens.encode(
                (last.first_at.isoformat(), last.id), request
            )
        return response

    async def GetDeadLetter(  # noqa: N802
        self, request: operations_service_pb2.GetDeadLetterRequest, context: object
    ) -> operations_service_pb2.GetDeadLetterResponse:
        """One dead letter with its payload. Raises NotFound."""
        letter = await self._letter(request.dead_letter_id)
        return operations_service_pb2.GetDeadLetterResponse(
            dead_letter=to_wire(letter, payload=True)
        )

    async def RequeueDeadLetter(  # noqa: N802
        self, request: operations_service_pb2.RequeueDeadLetterRequest, context: object
    ) -> operations_service_pb2.RequeueDeadLetterResponse:
        """Sends it round again and waits a moment for the outcome.

        Raises NotFound, DeadLetterClosed, PayloadUnreadable or ValidationFailed.
        """

        async def effect(uow: UnitOfWork) -> operations_service_pb2.RequeueDeadLetterResponse:
            letter = await dead_letters.requeue(
                uow.connection,
                request.dead_letter_id,
                repaired_json=request.repaired_payload_json,
                note=request.note,
            )
            return operations_service_pb2.RequeueDeadLetterResponse(
                dead_letter=to_wire(letter, payload=False)
            )

        response = await self._parts.writes.run(request, effect)
        letter = await self._outcome(request.dead_letter_id)
        response.dead_letter.CopyFrom(to_wire(letter, payload=False))
        return response

    async def DiscardDeadLetter(  # noqa: N802
        self, request: operations_service_pb2.DiscardDeadLetterRequest, context: object
    ) -> operations_service_pb2.DiscardDeadLetterResponse:
        """Sets it aside. Raises NotFound or DeadLetterClosed."""

        async def effect(uow: UnitOfWork) -> operations_service_pb2.DiscardDeadLetterResponse:
            letter = await dead_letters.discard(
                uow.connection, request.dead_letter_id, note=request.note
            )
            return operations_service_pb2.DiscardDeadLetterResponse(
                dead_letter=to_wire(letter, payload=False)
            )

        response = await self._parts.writes.run(request, effect)
        self._poke(response.dead_letter.consumer)
        return response

    async def ReplayEvents(  # noqa: N802
        self, request: operations_service_pb2.ReplayEventsRequest, context: object
    ) -> operations_service_pb2.ReplayEventsResponse:
        """Counts matching events and, unless dry, publishes them again."""
        wanted = _replay_filter(request)

        async def effect(uow: UnitOfWork) -> operations_service_pb2.ReplayEventsResponse:
            matched = await replay.count(uow.connection, wanted)
            again = 0 if request.dry_run else await replay.publish_again(uow.connection, wanted)
            return operations_service_pb2.ReplayEventsResponse(
                matched_events=matched, republished_events=again
            )

        response = await self._parts.writes.run(request, effect)
        self._parts.units.journal.committed()
        return response

    async def _letter(self, dead_letter_id: str) -> DeadLetter:
        async with self._database.transaction() as connection:
            return await dead_letters.get(connection, dead_letter_id)

    async def _outcome(self, dead_letter_id: str) -> DeadLetter:
        """The letter once it left REQUEUED, or as it is when that takes too long: the replica
        that owns the partition may be another one."""
        deadline = current_deadline()
        left_s = deadline.remaining_s() - REQUEUE_MARGIN_S if deadline else REQUEUE_WAIT_S_MAX
        until = time.monotonic() + min(REQUEUE_WAIT_S_MAX, left_s)
        letter = await self._letter(dead_letter_id)
        self._poke(letter.consumer)
        while letter.state == dead_letters.REQUEUED and time.monotonic() < until:
            await asyncio.sleep(_POLL_S)
            letter = await self._letter(dead_letter_id)
        return letter

    def _poke(self, consumer: str) -> None:
        for runner in self._parts.consumers:
            if runner.consumer.name == consumer:
                runner.poke()

    async def _database_fault(self) -> str:
        try:
            async with self._database.transaction() as connection:
                await connection.execute(text("SELECT 1"))
        except (DBAPIError, OSError) as error:
            return type(error).__name__
        return ""

    async def _add_figures(self, response: operations_service_pb2.GetServiceStatusResponse) -> None:
        backlog = await self._parts.relay.backlog() if self._parts.relay else Backlog(0, 0)
        response.unpublished_events = backlog.rows
        response.oldest_unpublished_age_ms = backlog.oldest_ms
        for runner in self._parts.consumers:
            response.consumers.append(_standing(await runner.standing()))
        async with self._database.transaction() as connection:
            found = await connection.execute(_OPEN_LETTERS)
            response.open_dead_letters = found.scalar_one()
        response.active_sagas = await self._parts.active_sagas()
        response.pending_commands = await self._parts.pending_commands()


_OPEN_LETTERS = text("SELECT count(*) FROM dead_letter WHERE state = 'OPEN'")


def to_wire(letter: DeadLetter, *, payload: bool) -> dead_letter_pb2.DeadLetter:
    """A dead letter on the wire; the payload is masked JSON."""
    delivery = letter.to_apply
    message = dead_letter_pb2.DeadLetter(
        id=letter.id,
        consumer=letter.consumer,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        tenant=delivery.tenant,
        aggregate_type=delivery.aggregate_type,
        aggregate_id=delivery.aggregate_id,
        aggregate_version=delivery.aggregate_version,
        source=delivery.source,
        reason=letter.reason,
        detail=letter.detail,
        attempts=letter.attempts,
        state=dead_letter_pb2.DeadLetter.State.Value(f"STATE_{letter.state}"),
        trace_id=_trace_id(delivery.headers),
    )
    message.first_time.FromDatetime(letter.first_at)
    message.last_time.FromDatetime(letter.last_at)
    if payload:
        message.payload_json = event_payload.to_json(delivery.event_type, delivery.payload)
    return message


def _standing(standing: ConsumerStanding) -> operations_service_pb2.ConsumerStatus:
    return operations_service_pb2.ConsumerStatus(
        name=standing.name,
        stream=standing.stream,
        pending_messages=standing.pending,
        open_gaps=standing.open_gaps,
        parked_keys=standing.parked_keys,
        applied_events=standing.applied,
        duplicate_events=standing.duplicates,
        repaired_events=standing.repaired,
    )


def _state_name(request: operations_service_pb2.ListDeadLettersRequest) -> str:
    state = request.state or dead_letter_pb2.DeadLetter.STATE_OPEN
    return dead_letter_pb2.DeadLetter.State.Name(state).removeprefix("STATE_")


def _replay_filter(request: operations_service_pb2.ReplayEventsRequest) -> replay.ReplayFilter:
    since = request.since_time.ToDatetime(tzinfo=UTC) if request.HasField("since_time") else None
    until = request.until_time.ToDatetime(tzinfo=UTC) if request.HasField("until_time") else None
    return replay.ReplayFilter(request.aggregate_type, request.aggregate_id, since, until)


def _trace_id(headers: Mapping[str, str]) -> str:
    span = trace.get_current_span(telemetry.extract(headers)).get_span_context()
    return f"{span.trace_id:032x}" if span.is_valid else ""
