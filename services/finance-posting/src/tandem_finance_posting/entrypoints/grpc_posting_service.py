"""`tandem.finance.v1.PostingService`: finance events in by call, and simulation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tandem.finance.v1 import journal_pb2 as wire
from tandem.finance.v1 import posting_service_pb2 as api
from tandem.finance.v1 import posting_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_core.errors import DomainError, NotFound
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_finance_posting.adapters.postgres.journal_rows import NumberedJournal
from tandem_finance_posting.adapters.postgres.ledger_read_models import known_event, stored_event
from tandem_finance_posting.adapters.postgres.posting_transaction import PostgresPostingTransaction
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.wire.draft_mapping import from_draft
from tandem_finance_posting.adapters.wire.journal_mapping import to_journal
from tandem_finance_posting.adapters.wire.row_mapping import event_from_row, journal_from_row
from tandem_finance_posting.application.post_finance_events import (
    PostResult,
    post_finance_events,
)
from tandem_finance_posting.application.simulate_posting import simulate_posting
from tandem_finance_posting.domain.finance_event import FinanceEvent


class PostingService(posting_service_pb2_grpc.PostingServiceServicer):
    """Maps requests to posting."""

    def __init__(
        self,
        units: UnitOfWorkFactory,
        writes: IdempotentWrites,
        rules: RuleStore,
        clock: Clock,
        release: Callable[[], Awaitable[int]],
    ) -> None:
        self._release = release
        self._units = units
        self._writes = writes
        self._rules = rules
        self._clock = clock

    async def SubmitFinanceEvent(
        self, request: api.SubmitFinanceEventRequest, context: Any
    ) -> api.SubmitFinanceEventResponse:
        """Posts or holds an event."""
        event = from_draft(request.event, current_caller().tenant)

        async def effect(uow: UnitOfWork) -> api.SubmitFinanceEventResponse:
            transaction = PostgresPostingTransaction(uow, self._rules)
            now = self._clock.now()
            result = (await post_finance_events(transaction, [event], now))[0]
            if isinstance(result, DomainError):
                raise result
            made = [journal.id for journal in result.journals] if result else []
            stored, journals = await stored_event(uow.connection, event.tenant, event.key, made)
            return api.SubmitFinanceEventResponse(
                finance_event=event_from_row(stored), journals=map(journal_from_row, journals)
            )

        return await self._writes.run(request, effect)

    async def SubmitFinanceEvents(
        self, request: api.SubmitFinanceEventsRequest, context: Any
    ) -> api.SubmitFinanceEventsResponse:
        """Posts or holds events, set-based."""
        tenant = current_caller().tenant
        events = [from_draft(draft, tenant) for draft in request.events]

        async def effect(uow: UnitOfWork) -> api.SubmitFinanceEventsResponse:
            transaction = PostgresPostingTransaction(uow, self._rules)
            results = await post_finance_events(transaction, events, self._clock.now())
            known = await transaction.known(events)
            states = {key: found.state for (_, key), found in known.items()}
            told = [
                _submitted(event, result, states.get(event.key, ""))
                for event, result in zip(events, results, strict=True)
            ]
            return api.SubmitFinanceEventsResponse(results=told)

        return await self._writes.run(request, effect)

    async def GetFinanceEvent(
        self, request: api.GetFinanceEventRequest, context: Any
    ) -> api.GetFinanceEventResponse:
        """One finance event with its journals."""
        tenant = current_caller().tenant
        async with self._units() as uow:
            found = await known_event(uow.connection, tenant, request.event_key)
        if found is None:
            raise NotFound("finance event", request.event_key)
        row, journals = found
        return api.GetFinanceEventResponse(
            finance_event=event_from_row(row), journals=map(journal_from_row, journals)
        )

    async def ReleaseHeldEvents(
        self, request: api.ReleaseHeldEventsRequest, context: Any
    ) -> api.ReleaseHeldEventsResponse:
        """One round over the held events. A repeat judges anew: nothing is posted twice by it."""
        return api.ReleaseHeldEventsResponse(posted_count=await self._release())

    async def SimulatePosting(
        self, request: api.SimulatePostingRequest, context: Any
    ) -> api.SimulatePostingResponse:
        """What posting would write; leaving the unit of work without a commit writes nothing."""
        event, now = from_draft(request.event, current_caller().tenant), self._clock.now()
        async with self._units() as uow:
            transaction = PostgresPostingTransaction(uow, self._rules)
            outcome = await simulate_posting(transaction, event, now)
        return api.SimulatePostingResponse(
            journals=[to_journal(NumberedJournal(j, 0, ""), now) for j in outcome.journals],
            hold_gate=outcome.hold.gate if outcome.hold else "",
            hold_detail=outcome.hold.detail if outcome.hold else "",
        )


def _submitted(event: FinanceEvent, result: PostResult, state: str) -> api.SubmittedEvent:
    told = api.SubmittedEvent(event_key=event.key)
    if isinstance(result, DomainError):
        told.refusal, told.detail = result.reason, str(result)
        return told
    told.state = wire.FinanceEvent.State.Value(f"STATE_{state}")
    if result is not None:
        told.journal_ids.extend(journal.id for journal in result.journals)
        if result.hold is not None:
            told.hold_gate, told.detail = result.hold.gate, result.hold.detail
    return told
