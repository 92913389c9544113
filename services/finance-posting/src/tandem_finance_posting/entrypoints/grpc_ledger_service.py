"""`tandem.finance.v1.LedgerService`: the books, and why each line is what it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping
from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import journal_pb2 as wire
from tandem.finance.v1 import ledger_service_pb2 as api
from tandem.finance.v1 import ledger_service_pb2_grpc
from tandem_core.errors import NotFound
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_finance_posting.adapters.postgres.ledger_read_models import (
    JournalFilter,
    JournalRow,
    LedgerReadModels,
)
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.adapters.wire.row_mapping import event_from_row, journal_from_row
from tandem_finance_posting.entrypoints.journal_explanations import JournalExplanations


class LedgerService(ledger_service_pb2_grpc.LedgerServiceServicer):
    """Maps requests to reads."""

    def __init__(
        self,
        read_models: LedgerReadModels,
        explanations: JournalExplanations,
        page_tokens: PageTokens,
    ) -> None:
        self._read_models = read_models
        self._explanations = explanations
        self._page_tokens = page_tokens

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

    async def GetTrialBalance(
        self, request: api.GetTrialBalanceRequest, context: Any
    ) -> api.GetTrialBalanceResponse:
        """Balances by role; their differences are zero or the books are broken."""
        tenant = current_caller().tenant
        if request.as_of_date:
            day("as_of_date", request.as_of_date)
        found, count = await self._read_models.balances(
            tenant, request.legal_entity, request.as_of_date
        )
        differences: dict[str, int] = {}
        for row in found:
            currency = row["currency_code"]
            differences[currency] = differences.get(currency, 0) + int(row["debit"] - row["credit"])
        return api.GetTrialBalanceResponse(
            balances=[_balance(row) for row in found],
            differences=[
                Money(currency_code=currency, minor_units=amount)
                for currency, amount in differences.items()
            ],
            journal_count=count,
        )

    async def ExplainJournal(
        self, request: api.ExplainJournalRequest, context: Any
    ) -> api.ExplainJournalResponse:
        """Evaluates the rule again on the stored facts."""
        row = await self._found(request.journal_id)
        return await self._explanations.of(current_caller().tenant, row)

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


def _balance(row: RowMapping) -> api.RoleBalance:
    def money(amount: int) -> Money:
        return Money(currency_code=row["currency_code"], minor_units=int(amount))

    return api.RoleBalance(
        legal_entity=row["legal_entity"],
        book=row["book"],
        role=row["role"],
        debit=money(row["debit"]),
        credit=money(row["credit"]),
        balance=money(row["debit"] - row["credit"]),
    )
