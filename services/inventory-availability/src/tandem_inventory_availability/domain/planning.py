"""Making and changing allocation plans on the locked rows of a batch, and showing what would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem_core.errors import FieldViolation, NotFound, ValidationFailed

from tandem_inventory_availability.domain.allocation import Backing, backing
from tandem_inventory_availability.domain.allocation_errors import (
    AllocationLevelMixed,
    PlanChanged,
    QuotaExhausted,
)
from tandem_inventory_availability.domain.allocation_plan import (
    AllocationPlan,
    Lending,
    PlanKey,
    Quota,
    QuotaMode,
    ScopeLevel,
)
from tandem_inventory_availability.domain.policy_rules import BASIS_POINTS
from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.room import Demand, Room
from tandem_inventory_availability.domain.stock_book import StockBook


@dataclass(frozen=True)
class ShownPlan:
    """A plan with what stands behind it; ``before`` is how that was under the plan it replaces."""

    plan: AllocationPlan
    pool: int
    backed: Backing
    before: Backing


@dataclass(frozen=True)
class Wanted:
    """Whose plan shall change; ``expected_version`` 0 takes any."""

    key: PlanKey
    level: ScopeLevel
    expected_version: int = 0
    dry_run: bool = False


@dataclass(frozen=True)
class Move:
    """Units that go from one fixed quota to another."""

    from_id: str
    to_id: str
    quantity: int


def put_plan(book: StockBook, wanted: Wanted, quotas: Sequence[Quota]) -> ShownPlan:
    """Sets the quotas; claims keep what they drew.

    Raises SkuUnknown, LocationUnknown, GroupUnknown, ValidationFailed, AllocationLevelMixed,
    PlanChanged.
    """
    check_quotas(quotas)
    empty = AllocationPlan(wanted.key, wanted.level, 0)
    _check_place(book, empty)
    old = book.plans.get(wanted.key, empty)
    if old.empty:
        old = replace(old, level=wanted.level)
    _check_version(wanted, old)
    _check_level(book, replace(old, level=wanted.level))
    return _keep(book, wanted, old, tuple(quotas))


def reallocate(book: StockBook, wanted: Wanted, moves: Sequence[Move]) -> ShownPlan:
    """Moves what fixed quotas ask for, never below what is drawn of them.

    Raises NotFound, PlanChanged, ValidationFailed, QuotaExhausted.
    """
    old = book.plans.get(wanted.key)
    if old is None:
        raise NotFound("allocation plan", f"{wanted.key.sku}|{wanted.key.scope}")
    _check_version(wanted, old)
    quotas = {quota.id: quota for quota in old.quotas}
    for number, move in enumerate(moves):
        _check_fixed(quotas, move, number)
        source, target = quotas[move.from_id], quotas[move.to_id]
        left = source.want - max(old.consumed(source.id), source.floor)
        if move.quantity > left:
            raise QuotaExhausted(
                wanted.key.sku, wanted.key.scope, source.channel, move.quantity, max(0, left)
            )
        quotas[source.id] = replace(source, want=source.want - move.quantity)
        quotas[target.id] = replace(target, want=target.want + move.quantity)
    return _keep(book, wanted, old, tuple(quotas.values()))


def show(book: StockBook, plan: AllocationPlan, pool_change: int = 0) -> ShownPlan:
    """What stands behind a plan now, or with other stock."""
    pool = Room(book, Demand()).unclamped(plan.place) + pool_change
    backed = backing(plan, pool, book.now)
    return ShownPlan(plan, pool, backed, backed)


def check_quotas(quotas: Sequence[Quota]) -> None:
    """Every quota makes sense by itself. Raises ValidationFailed naming the fields."""
    violations = []
    seen: set[str] = set()
    for number, quota in enumerate(quotas):
        field = f"quotas[{number}]"
        if quota.id in seen:
            violations.append(FieldViolation(f"{field}.id", "names an earlier one too", "unique"))
        seen.add(quota.id)
        violations += _violations(quota, field)
    if violations:
        raise ValidationFailed(violations)


def _violations(quota: Quota, field: str) -> list[FieldViolation]:
    since, until = quota.window.since, quota.window.until
    checks = [
        (
            quota.mode is QuotaMode.PERCENT and quota.want > BASIS_POINTS,
            FieldViolation(f"{field}.want", "is more than all of it", "lte"),
        ),
        (
            quota.cap is not None and quota.cap < quota.floor,
            FieldViolation(f"{field}.cap_quantity", "is below the floor", "gte"),
        ),
        (
            since is not None and until is not None and until <= since,
            FieldViolation(f"{field}.valid_until_time", "is not after the start", "gt"),
        ),
        (
            quota.lend is Lending.AFTER_DATE and quota.lend_after is None,
            FieldViolation(f"{field}.lend_after_time", "is needed for AFTER_DATE", "required"),
        ),
    ]
    return [violation for broken, violation in checks if broken]


def _check_place(book: StockBook, plan: AllocationPlan) -> None:
    place = plan.place
    if isinstance(place, GroupKey):
        book.group(place, "")
    else:
        book.position(place, "")


def _check_version(wanted: Wanted, old: AllocationPlan) -> None:
    if wanted.expected_version not in (0, old.version):
        key = wanted.key
        raise PlanChanged(key.sku, key.scope, wanted.expected_version, old.version)


def _check_level(book: StockBook, plan: AllocationPlan) -> None:
    """Plans on two levels, or of groups with a common member, share the same units out twice."""
    for other in book.plans.values():
        same_sku = (other.key.tenant, other.key.sku) == (plan.key.tenant, plan.key.sku)
        if not same_sku or other.key == plan.key or other.empty:
            continue
        if other.level is not plan.level or _overlap(book, plan, other):
            raise AllocationLevelMixed(plan.key.sku, plan.key.scope, other.key.scope)


def _overlap(book: StockBook, plan: AllocationPlan, other: AllocationPlan) -> bool:
    if plan.level is ScopeLevel.LOCATION:
        return False
    policy = book.policy(plan.key.tenant)
    group = policy.group(plan.key.scope, book.now)
    near = policy.overlapping(group, book.now) if group else []
    return other.key.scope in {item.id for item in near}


def _check_fixed(quotas: dict[str, Quota], move: Move, number: int) -> None:
    for field, name in (("from_quota_id", move.from_id), ("to_quota_id", move.to_id)):
        found = quotas.get(name)
        if found is None or found.mode is not QuotaMode.FIXED:
            path = f"moves[{number}].{field}"
            told = "is not in the plan" if found is None else "is not fixed"
            raise ValidationFailed([FieldViolation(path, told, "fixed")])


def _keep(
    book: StockBook, wanted: Wanted, old: AllocationPlan, quotas: tuple[Quota, ...]
) -> ShownPlan:
    plan = replace(old, level=wanted.level, quotas=quotas, version=old.version + 1)
    shown = replace(show(book, plan), before=show(book, old).backed)
    if not wanted.dry_run:
        book.put_plan(plan)
        book.planned.append((plan, book.origin))
    return shown
