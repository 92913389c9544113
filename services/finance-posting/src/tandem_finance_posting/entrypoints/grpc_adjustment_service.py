"""`tandem.finance.v1.AdjustmentService`: reversals, corrections, manual journals, reposting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tandem.finance.v1 import adjustment_service_pb2 as api
from tandem.finance.v1 import adjustment_service_pb2_grpc
from tandem.finance.v1.adjustment_pb2 import Adjustment as AdjustmentMessage
from tandem.finance.v1.journal_pb2 import Journal as JournalMessage
from tandem_platform.pagination import page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.journal_rows import NumberedJournal
from tandem_finance_posting.adapters.postgres.ledger_read_models import (
    stored_event,
    stored_journals,
)
from tandem_finance_posting.adapters.wire.adjustment_mapping import (
    manual_document,
    repost_document,
    to_adjustment,
)
from tandem_finance_posting.adapters.wire.draft_mapping import from_draft
from tandem_finance_posting.adapters.wire.journal_mapping import to_journal
from tandem_finance_posting.adapters.wire.row_mapping import event_from_row, journal_from_row
from tandem_finance_posting.application.approve_manual_journal import approve_manual_journal
from tandem_finance_posting.application.approve_repost import approve_repost
from tandem_finance_posting.application.correct_event import correct_event
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.propose_manual_journal import propose_manual_journal
from tandem_finance_posting.application.propose_repost import propose_repost
from tandem_finance_posting.application.reverse_journal import reverse_journal
from tandem_finance_posting.domain.adjustment import AdjustmentKind
from tandem_finance_posting.entrypoints.adjustment_calls import AdjustmentCalls


class AdjustmentService(adjustment_service_pb2_grpc.AdjustmentServiceServicer):
    """Maps requests to adjustments."""

    def __init__(self, calls: AdjustmentCalls) -> None:
        self._calls = calls

    async def ReverseJournal(
        self, request: api.ReverseJournalRequest, context: Any
    ) -> api.ReverseJournalResponse:
        """Takes back a journal with all others of its event."""

        async def effect(uow: UnitOfWork) -> api.ReverseJournalResponse:
            store, now = self._calls.store(uow), self._calls.now()
            made = await reverse_journal(store, request.journal_id, request.reason, now)
            return api.ReverseJournalResponse(journals=await _stored(uow, [made]))

        return await self._calls.writes.run(request, effect)

    async def CorrectEvent(
        self, request: api.CorrectEventRequest, context: Any
    ) -> api.CorrectEventResponse:
        """Replaces a posted event by its next revision."""
        event = from_draft(request.event, current_caller().tenant)

        async def effect(uow: UnitOfWork) -> api.CorrectEventResponse:
            made = await correct_event(self._calls.store(uow), event, self._calls.now())
            ids = [journal.id for journal in made.journals] if made else []
            row, journals = await stored_event(uow.connection, event.tenant, event.key, ids)
            return api.CorrectEventResponse(
                finance_event=event_from_row(row), journals=map(journal_from_row, journals)
            )

        return await self._calls.writes.run(request, effect)

    async def ProposeManualJournal(
        self, request: api.ProposeManualJournalRequest, context: Any
    ) -> api.ProposeManualJournalResponse:
        """Stores a journal and shows what it would post."""
        document = manual_document(request.manual_journal)

        async def effect(uow: UnitOfWork) -> api.ProposeManualJournalResponse:
            made = self._calls.proposal(AdjustmentKind.MANUAL_JOURNAL, document, request)
            by = self._calls.actor()
            shown = await propose_manual_journal(self._calls.store(uow), made, by)
            return api.ProposeManualJournalResponse(
                adjustment=to_adjustment(made),
                journals=[to_journal(NumberedJournal(j, 0, ""), by.now) for j in shown.journals],
            )

        return await self._calls.writes.run(request, effect)

    async def ApproveManualJournal(
        self, request: api.ApproveManualJournalRequest, context: Any
    ) -> api.ApproveManualJournalResponse:
        """Posts a proposed journal."""

        async def effect(uow: UnitOfWork) -> api.ApproveManualJournalResponse:
            done, made = await approve_manual_journal(
                self._calls.store(uow), request.adjustment_id, self._calls.actor()
            )
            return api.ApproveManualJournalResponse(
                adjustment=to_adjustment(done), journals=await _stored(uow, [made] if made else [])
            )

        return await self._calls.writes.run(request, effect)

    async def RejectManualJournal(
        self, request: api.RejectManualJournalRequest, context: Any
    ) -> api.RejectManualJournalResponse:
        """Refuses a proposed journal."""

        async def effect(uow: UnitOfWork) -> api.RejectManualJournalResponse:
            done = await self._calls.rejected(uow, AdjustmentKind.MANUAL_JOURNAL, request)
            return api.RejectManualJournalResponse(adjustment=done)

        return await self._calls.writes.run(request, effect)

    async def ListManualJournals(
        self, request: api.ListManualJournalsRequest, context: Any
    ) -> api.ListManualJournalsResponse:
        """A page of manual journals."""
        rows = page_size(request.page_size)
        state = AdjustmentMessage.State.Name(request.state).removeprefix("STATE_")
        found = await self._calls.reads.adjustments(
            current_caller().tenant,
            (AdjustmentKind.MANUAL_JOURNAL, state if request.state else ""),
            self._calls.page_tokens.decode(request.page_token, request),
            rows + 1,
        )
        token = ""
        if len(found) > rows:
            token = self._calls.page_tokens.encode((found[rows - 1][0],), request)
        return api.ListManualJournalsResponse(
            adjustments=[to_adjustment(item) for _, item in found[:rows]], next_page_token=token
        )

    async def ProposeRepost(
        self, request: api.ProposeRepostRequest, context: Any
    ) -> api.ProposeRepostResponse:
        """Proposes to post events anew."""
        document = repost_document(request.repost_range)

        async def effect(uow: UnitOfWork) -> api.ProposeRepostResponse:
            made = self._calls.proposal(AdjustmentKind.REPOST, document, request)
            made, count = await propose_repost(self._calls.store(uow), made)
            response = api.ProposeRepostResponse(adjustment=to_adjustment(made))
            response.adjustment.repost_range.event_count = count
            return response

        return await self._calls.writes.run(request, effect)

    async def ApproveRepost(
        self, request: api.ApproveRepostRequest, context: Any
    ) -> api.ApproveRepostResponse:
        """Posts events anew, all or nothing."""

        async def effect(uow: UnitOfWork) -> api.ApproveRepostResponse:
            done, made = await approve_repost(
                self._calls.store(uow), request.adjustment_id, self._calls.actor()
            )
            return api.ApproveRepostResponse(
                adjustment=to_adjustment(done), journals=await _stored(uow, made)
            )

        return await self._calls.writes.run(request, effect)

    async def RejectRepost(
        self, request: api.RejectRepostRequest, context: Any
    ) -> api.RejectRepostResponse:
        """Refuses a proposal."""

        async def effect(uow: UnitOfWork) -> api.RejectRepostResponse:
            done = await self._calls.rejected(uow, AdjustmentKind.REPOST, request)
            return api.RejectRepostResponse(adjustment=done)

        return await self._calls.writes.run(request, effect)


async def _stored(uow: UnitOfWork, made: Iterable[EventOutcome]) -> list[JournalMessage]:
    """Journals as they were just written, with their numbers."""
    ids = [journal.id for outcome in made for journal in outcome.journals]
    rows = await stored_journals(uow.connection, current_caller().tenant, ids)
    return [journal_from_row(row) for row in rows]
