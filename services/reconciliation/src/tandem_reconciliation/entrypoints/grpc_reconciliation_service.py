"""`tandem.reconciliation.v1.ReconciliationService`."""

from __future__ import annotations

from typing import Any

from tandem.reconciliation.v1 import reconciliation_service_pb2 as api
from tandem.reconciliation.v1 import reconciliation_service_pb2_grpc
from tandem.reconciliation.v1.reconciliation_exception_pb2 import ReconciliationException
from tandem_core.errors import NotFound
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_reconciliation.adapters.postgres.exception_read_models import ExceptionReadModels
from tandem_reconciliation.adapters.wire.exception_mapping import to_exception, to_run
from tandem_reconciliation.entrypoints.checkpoint_runs import CheckpointRuns


class ReconciliationService(reconciliation_service_pb2_grpc.ReconciliationServiceServicer):
    """Maps requests to runs and reads."""

    def __init__(
        self,
        writes: IdempotentWrites,
        runs: CheckpointRuns,
        read_models: ExceptionReadModels,
        page_tokens: PageTokens,
    ) -> None:
        self._writes = writes
        self._runs = runs
        self._read_models = read_models
        self._page_tokens = page_tokens

    async def RunCheckpoint(
        self, request: api.RunCheckpointRequest, context: Any
    ) -> api.RunCheckpointResponse:
        """Compares now."""
        chosen = self._runs.chosen(request.checkpoint)
        tenant = current_caller().tenant

        async def effect(uow: UnitOfWork) -> api.RunCheckpointResponse:
            done = await self._runs.run(uow, tenant, chosen)
            return api.RunCheckpointResponse(runs=[to_run(run) for run in done])

        return await self._writes.run(request, effect)

    async def ListCheckpointRuns(
        self, request: api.ListCheckpointRunsRequest, context: Any
    ) -> api.ListCheckpointRunsResponse:
        """A page of runs."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        found = await self._read_models.runs(current_caller().tenant, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            token = self._page_tokens.encode((last.run_at.isoformat(), last.id), request)
        return api.ListCheckpointRunsResponse(
            runs=[to_run(run) for run in found[:rows]], next_page_token=token
        )

    async def ListReconciliationExceptions(
        self, request: api.ListReconciliationExceptionsRequest, context: Any
    ) -> api.ListReconciliationExceptionsResponse:
        """A page of exceptions."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        name = ReconciliationException.State.Name(request.state).removeprefix("STATE_")
        found = await self._read_models.exceptions(
            current_caller().tenant, name if request.state else "", after, rows + 1
        )
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            token = self._page_tokens.encode((last.opened_at.isoformat(), last.id), request)
        return api.ListReconciliationExceptionsResponse(
            exceptions=[to_exception(case) for case in found[:rows]], next_page_token=token
        )

    async def GetReconciliationException(
        self, request: api.GetReconciliationExceptionRequest, context: Any
    ) -> api.GetReconciliationExceptionResponse:
        """One exception."""
        tenant = current_caller().tenant
        case = await self._read_models.exception(tenant, request.exception_id)
        if case is None:
            raise NotFound("exception", request.exception_id)
        return api.GetReconciliationExceptionResponse(exception=to_exception(case))
