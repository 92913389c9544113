"""`tandem.finance.v1.LedgerService`: the books, and why each line is what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tandem.finance.v1 import journal_pb2 as wire
from tandem.finance.v1 import ledger_service_pb2 as api
from tandem.finance.v1 import ledger_service_pb2_grpc
from tandem_core.errors import NotFound
from tandem_platform.database import Database
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_finance_posting.adapters.postgres.ledger_read_models import (
    JournalFilter,
    JournalRow,
    LedgerReadModels,
)
from tandem_finance_posting.adapters.wire.row_mapping import event_from_row, journal_from_row
from tandem_finance_posting.entrypoints.grpc_journal_stream import JournalStreamRpcs
from tandem_finance_posting.entrypoints.grpc_ledger_balances import BalanceRpcs
from tandem_finance_posting.entrypoints.grpc_ledger_completeness import (
    CompletenessParts,
    CompletenessRpcs,
)
from tandem_finance_posting.entrypoints.journal_explanations import JournalExplanations


@dataclass(frozen=True)
class LedgerParts:
    """What the service is made of."""

    database: Database
    read_models: LedgerReadModels
    explanations: JournalExplanations
    completeness: CompletenessParts
    page_tokens: PageTokens


class LedgerService(
    BalanceRpcs,
    CompletenessRpcs,
    JournalStreamRpcs,
    ledger_service_pb2_grpc.LedgerServiceServicer,
):
    """Maps requests to reads."""

    def __init__(self, parts: LedgerParts) -> None:
        self._database = parts.database
        self._read_models = parts.read_models
        self._explanations = parts.explanations
        self._completeness = parts.completeness
        self._page_tokens = parts.page_tokens

    async def ListJournals(
        self, request: api.ListJournalsRequest, context: Any
    ) -> api.ListJournalsResponse:
        """A page of journals."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        wanted = JournalFilter(current_caller().tenant, request.order_id, request.event_type)
        found = await self._read_models.journals(wanted, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1].journal
            token = self._page_tokens.encode((last["recorded_at"].isoformat(), last["id"]), request)
        return api.ListJournalsResponse(
            journals=[journal_from_row(row) for row in found[:rows]], next_page_token=token
        )

    async def GetJournal(
        self, request: api.GetJournalRequest, context: Any
    ) -> api.GetJournalResponse:
        """One journal."""
        return api.GetJournalResponse(
            journal=journal_from_row(await self._found(request.journal_id))
        )

    async def _found(self, journal_id: str) -> JournalRow:
        row = await self._read_models.journal(current_caller().tenant, journal_id)
        if row is None:
            raise NotFound("journal", journal_id)
        return row

    async def ExplainJournal(
        self, request: api.ExplainJournalRequest, context: Any
    ) -> api.ExplainJournalResponse:
        """Evaluates the rule again on the stored facts."""
        row = await self._found(request.journal_id)
        return await self._explanations.of(current_caller().tenant, row)

    async def ExplainLine(
        self, request: api.ExplainLineRequest, context: Any
    ) -> api.ExplainLineResponse:
        """One line of what ExplainJournal tells."""
        row = await self._found(request.journal_id)
        told = await self._explanations.of(current_caller().tenant, row)
        for line in told.lines:
            if line.number == request.number:
                return api.ExplainLineResponse(
                    rule_set=told.rule_set, rule_id=told.rule_id, line=line
                )
        raise NotFound("journal line", f"{request.journal_id}/{request.number}")

    async def ListFinanceEvents(
        self, request: api.ListFinanceEventsRequest, context: Any
    ) -> api.ListFinanceEventsResponse:
        """A page of finance events."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        state = wire.FinanceEvent.State.Name(request.state).removeprefix("STATE_")
        wanted = JournalFilter(current_caller().tenant, request.order_id)
        found = await self._read_models.finance_events(
            wanted, state if request.state else "", after, rows + 1
        )
        token = ""
        if len(found) > rows:
            token = self._page_tokens.encode((found[rows - 1]["accepted_no"],), request)
        return api.ListFinanceEventsResponse(
            finance_events=[event_from_row(row) for row in found[:rows]], next_page_token=token
        )
