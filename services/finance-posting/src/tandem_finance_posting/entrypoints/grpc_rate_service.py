"""`tandem.finance.v1.RateService`: sealed currency rates and revaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tandem.finance.v1 import rate_service_pb2 as api
from tandem.finance.v1 import rate_service_pb2_grpc
from tandem_platform.pagination import page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.ledger_read_models import stored_journals
from tandem_finance_posting.adapters.wire.adjustment_mapping import (
    rates_document,
    to_adjustment,
    to_sealed_rate,
)
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.adapters.wire.row_mapping import journal_from_row
from tandem_finance_posting.application.approve_rates import approve_rates
from tandem_finance_posting.application.propose_rates import propose_rates
from tandem_finance_posting.application.revalue_fx import revalue_fx
from tandem_finance_posting.domain.adjustment import AdjustmentKind
from tandem_finance_posting.entrypoints.adjustment_calls import AdjustmentCalls


class RateService(rate_service_pb2_grpc.RateServiceServicer):
    """Maps requests to rates. ``sealed`` is called after rates were sealed: events wait."""

    def __init__(self, calls: AdjustmentCalls, sealed: Callable[[], None]) -> None:
        self._calls = calls
        self._sealed = sealed

    async def ProposeRates(
        self, request: api.ProposeRatesRequest, context: Any
    ) -> api.ProposeRatesResponse:
        """Stores rates for a second person."""
        document = rates_document(request.rate_sheet)

        async def effect(uow: UnitOfWork) -> api.ProposeRatesResponse:
            made = self._calls.proposal(AdjustmentKind.RATES, document, request)
            await propose_rates(self._calls.store(uow), made)
            return api.ProposeRatesResponse(adjustment=to_adjustment(made))

        return await self._calls.writes.run(request, effect)

    async def ApproveRates(
        self, request: api.ApproveRatesRequest, context: Any
    ) -> api.ApproveRatesResponse:
        """Seals proposed rates."""

        async def effect(uow: UnitOfWork) -> api.ApproveRatesResponse:
            done = await approve_rates(
                self._calls.store(uow), request.adjustment_id, self._calls.actor()
            )
            return api.ApproveRatesResponse(adjustment=to_adjustment(done))

        response = await self._calls.writes.run(request, effect)
        self._sealed()
        return response

    async def RejectRates(
        self, request: api.RejectRatesRequest, context: Any
    ) -> api.RejectRatesResponse:
        """Refuses proposed rates."""

        async def effect(uow: UnitOfWork) -> api.RejectRatesResponse:
            done = await self._calls.rejected(uow, AdjustmentKind.RATES, request)
            return api.RejectRatesResponse(adjustment=done)

        return await self._calls.writes.run(request, effect)

    async def ListRates(self, request: api.ListRatesRequest, context: Any) -> api.ListRatesResponse:
        """A page of sealed rates."""
        rows = page_size(request.page_size)
        found = await self._calls.reads.rates(
            current_caller().tenant,
            request.from_currency,
            self._calls.page_tokens.decode(request.page_token, request),
            rows + 1,
        )
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            position = (last["day"].isoformat(), last["from_currency"], last["to_currency"])
            token = self._calls.page_tokens.encode(position, request)
        return api.ListRatesResponse(
            rates=[to_sealed_rate(row) for row in found[:rows]], next_page_token=token
        )

    async def RevalueFx(self, request: api.RevalueFxRequest, context: Any) -> api.RevalueFxResponse:
        """Books the unrealised difference of a day."""
        on = day("revalue_date", request.revalue_date)

        async def effect(uow: UnitOfWork) -> api.RevalueFxResponse:
            made = await revalue_fx(
                self._calls.store(uow), request.legal_entity, on, self._calls.actor()
            )
            ids = [journal.id for outcome in made for journal in outcome.journals]
            rows = await stored_journals(uow.connection, current_caller().tenant, ids)
            return api.RevalueFxResponse(journals=[journal_from_row(row) for row in rows])

        return await self._calls.writes.run(request, effect)
