"""`tandem.inventory.v1.AllocationService`: who may promise how much, and units for the offline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tandem.inventory.v1 import allocation_service_pb2 as api
from tandem.inventory.v1 import allocation_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_core.errors import NotFound
from tandem_core.ids import IdFactory
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.timestamps import from_time
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres.allocation_reads import (
    AllocationReads,
    pool_of,
)
from tandem_inventory_availability.adapters.postgres.publication_rows import (
    PostgresPublicationPolicies,
)
from tandem_inventory_availability.adapters.stock_decision import effect
from tandem_inventory_availability.adapters.stock_writes import carrier
from tandem_inventory_availability.adapters.wire import allocation_mapping as mapping
from tandem_inventory_availability.application.grant_lease import GrantLease
from tandem_inventory_availability.application.put_allocation_plan import PutAllocationPlan
from tandem_inventory_availability.application.reallocate import Reallocate
from tandem_inventory_availability.application.report_lease_usage import ReportLeaseUsage
from tandem_inventory_availability.application.return_lease import ReturnLease
from tandem_inventory_availability.application.set_publication_policy import SetPublicationPolicy
from tandem_inventory_availability.domain.allocation import channel_parts
from tandem_inventory_availability.domain.allocation_plan import AllocationPlan
from tandem_inventory_availability.domain.planning import Move, check_quotas, show

NEVER_TOLD = -1


class AllocationService(allocation_service_pb2_grpc.AllocationServiceServicer):
    """Maps requests to commands, each in a transaction of its own, and to reads."""

    def __init__(
        self,
        writes: IdempotentWrites,
        reads: AllocationReads,
        clock: Clock,
        ids: IdFactory,
        page_tokens: PageTokens,
    ) -> None:
        self._writes = writes
        self._reads = reads
        self._clock = clock
        self._ids = ids
        self._page_tokens = page_tokens

    async def PutAllocationPlan(
        self, request: api.PutAllocationPlanRequest, context: Any
    ) -> api.PutAllocationPlanResponse:
        """Sets quotas."""
        wanted = mapping.from_wanted(request, current_caller().tenant)
        command = PutAllocationPlan(wanted, mapping.from_quotas(request.quotas), carrier())
        return await self._writes.run(
            request,
            effect(
                self._clock,
                command,
                lambda shown: api.PutAllocationPlanResponse(
                    plan=mapping.to_shown_plan(shown),
                    backings_before=mapping.to_backings(shown.plan, shown.before),
                ),
            ),
        )

    async def Reallocate(
        self, request: api.ReallocateRequest, context: Any
    ) -> api.ReallocateResponse:
        """Moves units between quotas."""
        wanted = mapping.from_wanted(request, current_caller().tenant)
        moves = [Move(x.from_quota_id, x.to_quota_id, x.quantity) for x in request.moves]
        command = Reallocate(wanted, tuple(moves), carrier())
        return await self._writes.run(
            request,
            effect(
                self._clock,
                command,
                lambda shown: api.ReallocateResponse(
                    plan=mapping.to_shown_plan(shown),
                    backings_before=mapping.to_backings(shown.plan, shown.before),
                ),
            ),
        )

    async def GetAllocationPlan(
        self, request: api.GetAllocationPlanRequest, context: Any
    ) -> api.GetAllocationPlanResponse:
        """One plan with its backings."""
        key, _ = mapping.plan_key(request, current_caller().tenant)
        book = await self._reads.book(key.tenant, [key.sku])
        plan = book.plans.get(key)
        if plan is None:
            raise NotFound("allocation plan", f"{key.sku}|{key.scope}")
        return api.GetAllocationPlanResponse(plan=mapping.to_shown_plan(show(book, plan)))

    async def ListAllocationPlans(
        self, request: api.ListAllocationPlansRequest, context: Any
    ) -> api.ListAllocationPlansResponse:
        """A page of plans."""
        rows, after = page_size(request.page_size), self._after(request)
        tenant = current_caller().tenant
        found = await self._reads.plans(tenant, request.sku, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1].key
            token = self._page_tokens.encode((last.sku, last.scope), request)
        plans = [mapping.to_plan(plan) for plan in found[:rows]]
        return api.ListAllocationPlansResponse(plans=plans, next_page_token=token)

    async def SimulateAllocation(
        self, request: api.SimulateAllocationRequest, context: Any
    ) -> api.SimulateAllocationResponse:
        """What quotas would be backed with."""
        key, level = mapping.plan_key(request, current_caller().tenant)
        quotas = mapping.from_quotas(request.quotas)
        check_quotas(quotas)
        book = await self._reads.checked_book(key, level)
        plan = book.plans.get(key) or AllocationPlan(key, level, 0)
        shown = show(book, replace(plan, level=level, quotas=quotas), request.pool_change)
        return api.SimulateAllocationResponse(plan=mapping.to_shown_plan(shown))

    async def GetChannelAvailability(
        self, request: api.GetChannelAvailabilityRequest, context: Any
    ) -> api.GetChannelAvailabilityResponse:
        """What a channel may promise."""
        tenant = current_caller().tenant
        skus = list(dict.fromkeys(request.skus))
        await self._reads.check_skus(tenant, skus)
        book = await self._reads.book(tenant, skus)
        told = {
            item.key: item.told.quantity
            for item in await self._reads.told(tenant, skus)
            if item.channel == request.channel
        }
        answers = [
            mapping.to_channel_availability(
                plan,
                channel_parts(plan, pool_of(book, plan), request.channel, book.now),
                told.get(plan.key, NEVER_TOLD),
            )
            for plan in book.plans.values()
        ]
        return api.GetChannelAvailabilityResponse(availabilities=answers)

    async def SetPublicationPolicy(
        self, request: api.SetPublicationPolicyRequest, context: Any
    ) -> api.SetPublicationPolicyResponse:
        """Sets a policy."""
        policy = mapping.from_policy(request.policy)
        command = SetPublicationPolicy(current_caller().tenant, request.channel, policy)

        async def put(uow: UnitOfWork) -> api.SetPublicationPolicyResponse:
            version = await command.carry_out(PostgresPublicationPolicies(uow.connection))
            kept = mapping.to_policy(replace(policy, version=version))
            return api.SetPublicationPolicyResponse(policy=kept)

        return await self._writes.run(request, put)

    async def ListPublicationPolicies(
        self, request: api.ListPublicationPoliciesRequest, context: Any
    ) -> api.ListPublicationPoliciesResponse:
        """A page of policies."""
        rows, after = page_size(request.page_size), self._after(request)
        tenant = current_caller().tenant
        found = await self._reads.policies(tenant, request.channel, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            token = self._page_tokens.encode((last.channel, last.sku), request)
        policies = [mapping.to_policy(policy) for policy in found[:rows]]
        return api.ListPublicationPoliciesResponse(policies=policies, next_page_token=token)

    async def GrantLease(
        self, request: api.GrantLeaseRequest, context: Any
    ) -> api.GrantLeaseResponse:
        """Keeps units back for a device."""
        grace = request.grace.ToTimedelta() if request.HasField("grace") else mapping.GRACE_DEFAULT
        command = GrantLease(
            lease_id=self._ids.new_id(),
            holder=mapping.from_holder(request, current_caller().tenant),
            quantity=request.quantity,
            time_to_live=request.time_to_live.ToTimedelta(),
            grace=grace,
            origin=carrier(),
        )
        return await self._writes.run(
            request,
            effect(
                self._clock,
                command,
                lambda lease: api.GrantLeaseResponse(lease=mapping.to_lease(lease)),
            ),
        )

    async def ReportLeaseUsage(
        self, request: api.ReportLeaseUsageRequest, context: Any
    ) -> api.ReportLeaseUsageResponse:
        """A device sold."""
        sold_at = from_time(request.sale_time) if request.HasField("sale_time") else None
        tenant = current_caller().tenant
        command = ReportLeaseUsage(tenant, mapping.from_report(request), sold_at, carrier())
        return await self._writes.run(
            request,
            effect(
                self._clock,
                command,
                lambda told: api.ReportLeaseUsageResponse(
                    lease=mapping.to_lease(told.lease), breached_quantity=told.report.breached
                ),
            ),
        )

    async def ReturnLease(
        self, request: api.ReturnLeaseRequest, context: Any
    ) -> api.ReturnLeaseResponse:
        """Ends a lease."""
        command = ReturnLease(current_caller().tenant, request.lease_id, carrier())
        return await self._writes.run(
            request,
            effect(
                self._clock,
                command,
                lambda lease: api.ReturnLeaseResponse(lease=mapping.to_lease(lease)),
            ),
        )

    async def ListLeases(
        self, request: api.ListLeasesRequest, context: Any
    ) -> api.ListLeasesResponse:
        """A page of leases."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        filters = (request.channel, request.device, request.sku)
        before = str(after[0]) if after else None
        found = await self._reads.leases(current_caller().tenant, filters, before, rows + 1)
        token = ""
        if len(found) > rows:
            token = self._page_tokens.encode((found[rows - 1].id,), request)
        now = self._reads.now()
        leases = [mapping.to_lease(lease, over=lease.over(now)) for lease in found[:rows]]
        return api.ListLeasesResponse(leases=leases, next_page_token=token)

    def _after(
        self, request: api.ListAllocationPlansRequest | api.ListPublicationPoliciesRequest
    ) -> tuple[str, str]:
        after = self._page_tokens.decode(request.page_token, request)
        return (str(after[0]), str(after[1])) if after else ("", "")
