"""`tandem.finance.v1.EstimateService`: estimates kept in the books at what their figures say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tandem.finance.v1 import estimate_service_pb2 as api
from tandem.finance.v1 import estimate_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_core.errors import NotFound
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_finance_posting.adapters.postgres.estimate_rows import (
    PostgresEstimates,
    posted_cohorts,
)
from tandem_finance_posting.adapters.postgres.posting_transaction import PostgresPostingTransaction
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.adapters.wire.estimate_mapping import (
    from_cohorts,
    from_kind,
    to_estimate,
    to_posted,
    to_run,
)
from tandem_finance_posting.application.approve_estimate import ApproveEstimate
from tandem_finance_posting.application.estimate_ports import EstimateKey
from tandem_finance_posting.application.propose_estimate import ProposeEstimate
from tandem_finance_posting.application.run_breakage import RunBreakage
from tandem_finance_posting.application.true_up_reserve import TrueUp, TrueUpReserve

Keyed = (
    api.ProposeEstimateRequest
    | api.ApproveEstimateRequest
    | api.GetEstimateRequest
    | api.TrueUpReserveRequest
    | api.ListPostedCohortsRequest
)


class EstimateService(estimate_service_pb2_grpc.EstimateServiceServicer):
    """Maps requests to estimates."""

    def __init__(
        self, writes: IdempotentWrites, rules: RuleStore, clock: Clock, page_tokens: PageTokens,
        units: UnitOfWorkFactory,
    ) -> None:  # fmt: skip
        self._writes = writes
        self._rules = rules
        self._clock = clock
        self._page_tokens = page_tokens
        self._units = units

    async def ProposeEstimate(
        self, request: api.ProposeEstimateRequest, context: Any
    ) -> api.ProposeEstimateResponse:
        """New figures that wait for a second person."""
        command = ProposeEstimate(
            _key(request), current_caller().subject, request.currency_code,
            from_cohorts(request.cohorts), request.note,
        )  # fmt: skip

        async def effect(uow: UnitOfWork) -> api.ProposeEstimateResponse:
            made = await command.carry_out(PostgresEstimates(uow.connection), self._clock.now())
            return api.ProposeEstimateResponse(estimate=to_estimate(made))

        return await self._writes.run(request, effect)

    async def ApproveEstimate(
        self, request: api.ApproveEstimateRequest, context: Any
    ) -> api.ApproveEstimateResponse:
        """Proposed figures come into force."""
        command = ApproveEstimate(
            _key(request), current_caller().subject, request.version, request.content_hash
        )

        async def effect(uow: UnitOfWork) -> api.ApproveEstimateResponse:
            made = await command.carry_out(PostgresEstimates(uow.connection), self._clock.now())
            return api.ApproveEstimateResponse(estimate=to_estimate(made))

        return await self._writes.run(request, effect)

    async def GetEstimate(
        self, request: api.GetEstimateRequest, context: Any
    ) -> api.GetEstimateResponse:
        """A version, or the one in force."""
        key = _key(request)
        async with self._units.database.transaction() as connection:
            store = PostgresEstimates(connection)
            if request.version:
                found = await store.version(key, request.version)
            else:
                in_force = await store.in_force(key)
                if in_force is None:
                    raise NotFound("estimate", f"{key.legal_entity}/{key.kind.value}")
                found = in_force
        return api.GetEstimateResponse(estimate=to_estimate(found))

    async def TrueUpReserve(
        self, request: api.TrueUpReserveRequest, context: Any
    ) -> api.TrueUpReserveResponse:
        """A run of the return reserve or of loyalty."""
        command = TrueUpReserve(_key(request), day("date", request.date), request.dry_run)

        async def effect(uow: UnitOfWork) -> api.TrueUpReserveResponse:
            done = await self._ran(command.carry_out, uow)
            return api.TrueUpReserveResponse(runs=map(to_run, done.runs), version=done.version)

        return await self._writes.run(request, effect)

    async def RunBreakage(
        self, request: api.RunBreakageRequest, context: Any
    ) -> api.RunBreakageResponse:
        """A run over gift cards."""
        tenant = current_caller().tenant
        on = day("date", request.date)
        command = RunBreakage(tenant, request.legal_entity, on, request.dry_run)

        async def effect(uow: UnitOfWork) -> api.RunBreakageResponse:
            done = await self._ran(command.carry_out, uow)
            return api.RunBreakageResponse(runs=map(to_run, done.runs), version=done.version)

        return await self._writes.run(request, effect)

    async def ListPostedCohorts(
        self, request: api.ListPostedCohortsRequest, context: Any
    ) -> api.ListPostedCohortsResponse:
        """A page of what is in the books."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        async with self._units.database.transaction() as connection:
            found = await posted_cohorts(
                connection, _key(request), str(after[0]) if after else "", rows + 1
            )
        token = ""
        if len(found) > rows:
            token = self._page_tokens.encode((found[rows - 1]["cohort"],), request)
        return api.ListPostedCohortsResponse(
            cohorts=map(to_posted, found[:rows]), next_page_token=token
        )

    async def _ran(self, carry_out: Callable[..., Awaitable[TrueUp]], uow: UnitOfWork) -> TrueUp:
        store = PostgresEstimates(uow.connection, uow.record)
        transaction = PostgresPostingTransaction(uow, self._rules)
        return await carry_out(store, transaction, self._clock.now())


def _key(request: Keyed) -> EstimateKey:
    return EstimateKey(current_caller().tenant, request.legal_entity, from_kind(request.kind))
