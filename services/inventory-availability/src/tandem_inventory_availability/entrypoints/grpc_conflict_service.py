"""`tandem.inventory.v1.ConflictService`: cases of more being promised than there is."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import Message
from tandem.inventory.v1 import conflict_service_pb2 as api
from tandem.inventory.v1 import conflict_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_core.errors import NotFound
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_inventory_availability.adapters.postgres.conflict_reads import ConflictReads, Page
from tandem_inventory_availability.adapters.stock_decision import Decision, effect
from tandem_inventory_availability.adapters.stock_writes import carrier
from tandem_inventory_availability.adapters.wire.conflict_mapping import to_conflict
from tandem_inventory_availability.application.apply_resolution import ApplyResolution
from tandem_inventory_availability.application.assign_conflict import AssignConflict
from tandem_inventory_availability.application.escalate_conflict import EscalateConflict
from tandem_inventory_availability.application.propose_resolutions import ProposeResolutions
from tandem_inventory_availability.domain.conflict_case import ConflictCase, ConflictPolicy
from tandem_inventory_availability.domain.conflict_desk import Decided

FIRST = -(2**62)

TResponse = TypeVar("TResponse", bound=Message)


class ConflictService(conflict_service_pb2_grpc.ConflictServiceServicer):
    """Maps requests to commands, each in a transaction of its own, and to reads."""

    def __init__(
        self,
        writes: IdempotentWrites,
        reads: ConflictReads,
        clock: Clock,
        page_tokens: PageTokens,
        policy: ConflictPolicy,
    ) -> None:
        self._writes = writes
        self._reads = reads
        self._clock = clock
        self._page_tokens = page_tokens
        self._policy = policy

    async def ListConflicts(
        self, request: api.ListConflictsRequest, context: Any
    ) -> api.ListConflictsResponse:
        """A page of cases."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        asked = Page(
            by_time=request.order == api.ListConflictsRequest.ORDER_BREAK_TIME,
            channel=request.channel,
            sku=request.sku,
            closed=request.include_closed,
            after=(int(after[0]), str(after[1])) if after else (FIRST, ""),
            rows=rows + 1,
        )
        found = await self._reads.page(current_caller().tenant, asked)
        more = len(found) > rows
        token = self._page_tokens.encode(found[rows - 1][1], request) if more else ""
        conflicts = [to_conflict(case) for case, _ in found[:rows]]
        return api.ListConflictsResponse(conflicts=conflicts, next_page_token=token)

    async def GetConflict(
        self, request: api.GetConflictRequest, context: Any
    ) -> api.GetConflictResponse:
        """One case."""
        case = await self._case(request.conflict_id)
        return api.GetConflictResponse(conflict=to_conflict(case))

    async def ProposeResolutions(
        self, request: api.ProposeResolutionsRequest, context: Any
    ) -> api.ProposeResolutionsResponse:
        """Works steps out on today's stock."""
        case = await self._case(request.conflict_id)
        command = ProposeResolutions(
            tenant=case.scope.tenant,
            case_id=case.id,
            situation=await self._reads.situation(case),
            policy=self._policy,
            origin=carrier(),
        )
        return await self._carried_out(request, command, api.ProposeResolutionsResponse)

    async def ApplyResolution(
        self, request: api.ApplyResolutionRequest, context: Any
    ) -> api.ApplyResolutionResponse:
        """Carries a step out, or agrees to it."""
        case = await self._case(request.conflict_id)
        command = ApplyResolution(
            tenant=case.scope.tenant,
            case_id=case.id,
            step=case.proposed(request.number),
            decided=Decided(current_caller().subject, request.reason),
            expected_version=request.expected_version,
            origin=carrier(),
        )
        return await self._carried_out(request, command, api.ApplyResolutionResponse)

    async def AssignConflict(
        self, request: api.AssignConflictRequest, context: Any
    ) -> api.AssignConflictResponse:
        """Somebody looks after it."""
        tenant = current_caller().tenant
        command = AssignConflict(tenant, request.conflict_id, request.assignee, carrier())
        return await self._carried_out(request, command, api.AssignConflictResponse)

    async def EscalateConflict(
        self, request: api.EscalateConflictRequest, context: Any
    ) -> api.EscalateConflictResponse:
        """Hands it up."""
        tenant = current_caller().tenant
        command = EscalateConflict(tenant, request.conflict_id, request.reason, carrier())
        return await self._carried_out(request, command, api.EscalateConflictResponse)

    async def _carried_out(
        self, request: Message, command: Decision[ConflictCase], response: type[TResponse]
    ) -> TResponse:
        """The case after a command, as the response of its rpc; all of them have this shape."""
        answer = effect(self._clock, command, lambda x: response(conflict=to_conflict(x)))
        return await self._writes.run(request, answer)

    async def _case(self, case_id: str) -> ConflictCase:
        found = await self._reads.case(current_caller().tenant, case_id)
        if found is None:
            raise NotFound("conflict", case_id)
        return found
