"""Allocation plans, publication policies and leases between contract and domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tandem.inventory.v1 import allocation_plan_pb2 as wire
from tandem.inventory.v1 import allocation_service_pb2 as api
from tandem.inventory.v1 import events_pb2
from tandem_platform.timestamps import from_time, to_time

from tandem_inventory_availability.domain.allocation import Backing
from tandem_inventory_availability.domain.allocation_plan import (
    AllocationPlan,
    Lending,
    PlanKey,
    Quota,
    QuotaMode,
    ScopeLevel,
)
from tandem_inventory_availability.domain.planning import ShownPlan, Wanted
from tandem_inventory_availability.domain.policy_rules import Window
from tandem_inventory_availability.domain.publication import PublicationPolicy
from tandem_inventory_availability.domain.quota_lease import (
    DeviceKey,
    LeaseReport,
    LeaseState,
    QuotaLease,
)
from tandem_inventory_availability.domain.stock_book import LeaseStep, Origin, StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

GRACE_DEFAULT = timedelta(minutes=15)
Recorded = tuple[Message, tuple[str, str, int], tuple[str, Origin]]
"""An event, its aggregate, and the tenant with the trace headers of who asked."""


class Scoped(Protocol):
    """A request that names a SKU and a location or a group."""

    sku: str
    location: str
    group: str


def plan_key(request: Scoped, tenant: str) -> tuple[PlanKey, ScopeLevel]:
    """The plan a request names; the contract lets exactly one of the two be set."""
    level = ScopeLevel.GROUP if request.group else ScopeLevel.LOCATION
    return PlanKey(tenant, request.sku, request.group or request.location), level


def from_wanted(
    request: api.PutAllocationPlanRequest | api.ReallocateRequest, tenant: str
) -> Wanted:
    """Whose plan shall change."""
    key, level = plan_key(request, tenant)
    return Wanted(key, level, request.expected_version, request.dry_run)


def from_quotas(quotas: Sequence[wire.Quota]) -> tuple[Quota, ...]:
    """Quotas of a request."""
    return tuple(_from_quota(quota) for quota in quotas)


def _from_quota(quota: wire.Quota) -> Quota:
    lending = wire.Quota.Lending.Name(quota.lending).removeprefix("LENDING_")
    since = from_time(quota.valid_from_time) if quota.HasField("valid_from_time") else None
    until = from_time(quota.valid_until_time) if quota.HasField("valid_until_time") else None
    lend_after = from_time(quota.lend_after_time) if quota.HasField("lend_after_time") else None
    return Quota(
        id=quota.id,
        channel=quota.channel,
        mode=QuotaMode(wire.Quota.Mode.Name(quota.mode).removeprefix("MODE_")),
        want=quota.want,
        floor=quota.floor_quantity,
        cap=quota.cap_quantity if quota.HasField("cap_quantity") else None,
        priority=quota.priority,
        window=Window(since, until),
        lend=Lending.NONE if lending == "UNSPECIFIED" else Lending(lending),
        lend_after=lend_after,
        may_borrow=quota.may_borrow,
    )


def to_plan(plan: AllocationPlan) -> wire.AllocationPlan:
    """A plan without what stands behind it."""
    grouped = plan.level is ScopeLevel.GROUP
    return wire.AllocationPlan(
        sku=plan.key.sku,
        location="" if grouped else plan.key.scope,
        group=plan.key.scope if grouped else "",
        version=plan.version,
        quotas=[_to_quota(quota) for quota in plan.quotas],
    )


def to_shown_plan(shown: ShownPlan) -> wire.AllocationPlan:
    """A plan with what stands behind it."""
    message = to_plan(shown.plan)
    message.backings.extend(to_backings(shown.plan, shown.backed))
    message.shared_quantity = shown.backed.shared
    message.pool_quantity = shown.pool
    return message


def to_backings(plan: AllocationPlan, backed: Backing) -> list[wire.QuotaBacking]:
    """What stands behind each quota in effect."""
    return [
        wire.QuotaBacking(
            quota_id=name,
            wanted_quantity=backed.wanted[name],
            drawn_quantity=plan.consumed(name),
            own_quantity=own,
            overdrawn_quantity=backed.overdrawn.get(name, 0),
        )
        for name, own in sorted(backed.own.items())
    ]


def _to_quota(quota: Quota) -> wire.Quota:
    return wire.Quota(
        id=quota.id,
        channel=quota.channel,
        mode=wire.Quota.Mode.Value(f"MODE_{quota.mode.value}"),
        want=quota.want,
        floor_quantity=quota.floor,
        cap_quantity=quota.cap,
        priority=quota.priority,
        valid_from_time=_time(quota.window.since),
        valid_until_time=_time(quota.window.until),
        lending=wire.Quota.Lending.Value(f"LENDING_{quota.lend.value}"),
        lend_after_time=_time(quota.lend_after),
        may_borrow=quota.may_borrow,
    )


def _time(moment: object) -> Timestamp | None:
    return to_time(moment) if moment is not None else None  # type: ignore[arg-type]  # a datetime


def from_policy(policy: wire.PublicationPolicy) -> PublicationPolicy:
    """A publication policy of a request."""
    most = policy.max_publish_quantity if policy.HasField("max_publish_quantity") else None
    return PublicationPolicy(
        channel=policy.channel,
        sku=policy.sku,
        buffer_basis_points=policy.buffer_basis_points,
        buffer_units=policy.buffer_quantity,
        min_publish=policy.min_publish_quantity,
        max_publish=most,
        raise_step=policy.raise_step_quantity,
        raise_after=policy.raise_after.ToTimedelta(),
    )


def to_policy(policy: PublicationPolicy) -> wire.PublicationPolicy:
    """A publication policy as it stands."""
    message = wire.PublicationPolicy(
        channel=policy.channel,
        sku=policy.sku,
        buffer_basis_points=policy.buffer_basis_points,
        buffer_quantity=policy.buffer_units,
        min_publish_quantity=policy.min_publish,
        max_publish_quantity=policy.max_publish,
        raise_step_quantity=policy.raise_step,
        version=policy.version,
    )
    message.raise_after.FromTimedelta(policy.raise_after)
    return message


def from_holder(request: api.GrantLeaseRequest, tenant: str) -> DeviceKey:
    """Who asks for a lease of what."""
    stock = StockKey(tenant, request.sku, request.location)
    return DeviceKey(stock, request.channel, request.device)


def from_report(request: api.ReportLeaseUsageRequest) -> LeaseReport:
    """What a device sold."""
    return LeaseReport(request.lease_id, request.report, request.quantity)


def to_lease(lease: QuotaLease, *, over: bool = False) -> wire.QuotaLease:
    """A lease as it stands; ``over`` when its time is up and nobody tidied it."""
    state = LeaseState.EXPIRED if over else lease.state
    return wire.QuotaLease(
        id=lease.id,
        channel=lease.holder.channel,
        device=lease.holder.device,
        sku=lease.holder.stock.sku,
        location=lease.holder.stock.location,
        quantity=lease.quantity,
        used_quantity=lease.used,
        held_quantity=0 if over else lease.held,
        expire_time=to_time(lease.expires_at),
        return_time=to_time(lease.ends_at),
        state=wire.QuotaLease.State.Value(f"STATE_{state.value}"),
        version=lease.version,
        create_time=to_time(lease.created_at),
    )


def events_of(book: StockBook) -> Iterator[Recorded]:
    """What is told of plans and leases that a batch changed."""
    for plan, origin in book.planned:
        key = plan.key
        aggregate = ("allocation_plan", f"{key.sku}|{key.scope}", plan.version)
        yield events_pb2.AllocationPlanned(plan=to_plan(plan)), aggregate, (key.tenant, origin)
    for step in book.lease_steps:
        aggregate = ("quota_lease", step.lease.id, step.lease.version)
        yield _lease_event(step), aggregate, (step.lease.tenant, step.origin)


def _lease_event(step: LeaseStep) -> Message:
    lease = to_lease(step.lease)
    told = step.report
    if told is None:
        ended = step.lease.state is not LeaseState.LIVE
        return (
            events_pb2.LeaseReturned(lease=lease) if ended else events_pb2.LeaseGranted(lease=lease)
        )
    if told.breached:
        return events_pb2.LeaseBreached(lease=lease, quantity=told.breached, report=told.report)
    return events_pb2.LeaseUsed(lease=lease, quantity=told.quantity, report=told.report)


def to_channel_availability(
    plan: AllocationPlan, parts: Mapping[str, int], published: int
) -> wire.ChannelAvailability:
    """What a channel may promise; ``parts`` are own, shared and borrowed units."""
    grouped = plan.level is ScopeLevel.GROUP
    return wire.ChannelAvailability(
        sku=plan.key.sku,
        location="" if grouped else plan.key.scope,
        group=plan.key.scope if grouped else "",
        available=sum(parts.values()),
        own_quantity=parts["own"],
        shared_quantity=parts["shared"],
        borrowed_quantity=parts["borrowed"],
        published_quantity=published,
        plan_version=plan.version,
    )
