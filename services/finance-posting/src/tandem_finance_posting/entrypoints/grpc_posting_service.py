"""`tandem.finance.v1.PostingService`: finance events in by call, and simulation."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from tandem.finance.v1 import posting_service_pb2 as api
from tandem.finance.v1 import posting_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_core.errors import DomainError, FieldViolation, ValidationFailed
from tandem_platform import telemetry
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_finance_posting.adapters.postgres.journal_rows import NumberedJournal
from tandem_finance_posting.adapters.postgres.posting_transaction import PostgresPostingTransaction
from tandem_finance_posting.adapters.wire.journal_mapping import to_finance_event, to_journal
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.application.simulate_posting import simulate_posting
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.posting_rule import RuleSet


class PostingService(posting_service_pb2_grpc.PostingServiceServicer):
    """Maps requests to posting."""

    def __init__(
        self, units: UnitOfWorkFactory, writes: IdempotentWrites, rules: RuleSet, clock: Clock
    ) -> None:
        self._units = units
        self._writes = writes
        self._rules = rules
        self._clock = clock

    async def SubmitFinanceEvent(
        self, request: api.SubmitFinanceEventRequest, context: Any
    ) -> api.SubmitFinanceEventResponse:
        """Posts or holds an event."""
        event = _from_draft(request.event)

        async def effect(uow: UnitOfWork) -> api.SubmitFinanceEventResponse:
            transaction = PostgresPostingTransaction(uow)
            now = self._clock.now()
            result = (await post_finance_events(transaction, [event], self._rules, now))[0]
            if isinstance(result, DomainError):
                raise result
            outcome = result or EventOutcome(event, event.facts)
            return api.SubmitFinanceEventResponse(
                finance_event=to_finance_event(outcome, now),
                journals=[to_journal(NumberedJournal(j, 0, ""), now) for j in outcome.journals],
            )

        return await self._writes.run(request, effect)

    async def SimulatePosting(
        self, request: api.SimulatePostingRequest, context: Any
    ) -> api.SimulatePostingResponse:
        """What posting would write; leaving the unit of work without a commit writes nothing."""
        event = _from_draft(request.event)
        async with self._units() as uow:
            transaction = PostgresPostingTransaction(uow)
            outcome = await simulate_posting(transaction, event, self._rules)
        now = self._clock.now()
        return api.SimulatePostingResponse(
            journals=[to_journal(NumberedJournal(j, 0, ""), now) for j in outcome.journals],
            hold_gate=outcome.hold.gate if outcome.hold else "",
            hold_detail=outcome.hold.detail if outcome.hold else "",
        )


def _from_draft(draft: api.FinanceEventDraft) -> FinanceEvent:
    headers: dict[str, str] = {}
    telemetry.inject(headers)
    return FinanceEvent(
        tenant=current_caller().tenant,
        source_system=draft.source_system,
        type=draft.event_type,
        id=draft.event_id,
        legal_entity=draft.legal_entity,
        original_date=_date(draft.original_date),
        currency_code=draft.currency_code,
        facts=_facts(draft.facts_json),
        order_id=draft.order_id,
        revision=draft.revision,
        trace_headers=headers,
    )


def _date(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        violation = FieldViolation("event.original_date", "is no day of the calendar")
        raise ValidationFailed([violation]) from None


def _facts(value: str) -> dict[str, Any]:
    try:
        facts = json.loads(value, parse_float=_no_float)
    except ValueError as error:
        raise ValidationFailed([FieldViolation("event.facts_json", str(error))]) from None
    if not isinstance(facts, dict):
        raise ValidationFailed([FieldViolation("event.facts_json", "is not a JSON object")])
    return facts


def _no_float(value: str) -> Any:
    raise ValueError(f"{value} is not a whole number of minor units")
