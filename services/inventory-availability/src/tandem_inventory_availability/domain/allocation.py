"""What backs each channel's quota, what a channel may promise, and which pots a claim draws from.

``pool`` is what the plan's scope can promise before it is cut at zero: free stock less safety,
after all claims. Quotas are shared out of pool and draws together, so that a channel that draws
what is its own changes nothing for any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_core.money import split_by_weights

from tandem_inventory_availability.domain.allocation_errors import QuotaExhausted
from tandem_inventory_availability.domain.allocation_plan import (
    SHARED,
    AllocationPlan,
    Lending,
    Quota,
    QuotaMode,
)
from tandem_inventory_availability.domain.policy_rules import BASIS_POINTS
from tandem_inventory_availability.domain.reservation_line import Draw


@dataclass(frozen=True)
class Backing:
    """Units behind the undrawn rest of each quota, and those that belong to none. Together they
    are the pool, cut at zero."""

    own: Mapping[str, int]
    shared: int
    wanted: Mapping[str, int]
    """What each quota asks for, drawn units included."""
    overdrawn: Mapping[str, int]
    """Units drawn of a quota that nothing stands behind since the pool fell below zero."""


def backing(plan: AllocationPlan, pool: int, now: datetime) -> Backing:
    """Shares the pool out: floors by priority, then wants by priority, then the rest. Inside a tier
    that cannot be served in full in proportion, the greatest remainder first, ties by id."""
    quotas = plan.active(now)
    drawn = {quota.id: plan.consumed(quota.id) for quota in quotas}
    positive = max(0, pool)
    wanted = {quota.id: _wanted(quota, positive + plan.all_drawn) for quota in quotas}
    own: dict[str, int] = {}
    left = positive + sum(drawn.values())
    while True:
        served = _waterfall(quotas, wanted, left)
        beyond = [quota for quota in quotas if served[quota.id] < drawn[quota.id]]
        if not beyond:
            break
        # Drawn units stay drawn whatever is behind them: only the others share what that leaves.
        quotas = [quota for quota in quotas if quota not in beyond]
        left -= sum(drawn[quota.id] for quota in beyond)
        own |= {quota.id: 0 for quota in beyond}
    own |= {quota.id: served[quota.id] - drawn[quota.id] for quota in quotas}
    over = _overdrawn(plan.active(now), wanted, drawn, pool) if pool < 0 else {}
    return Backing(own, positive - sum(own.values()), wanted, over)


def channel_available(plan: AllocationPlan, pool: int, channel: str, now: datetime) -> int:
    """Units a channel may claim now; one without a quota has what belongs to nobody."""
    return sum(units for _, units in _pots(plan, pool, channel, now))


def channel_parts(plan: AllocationPlan, pool: int, channel: str, now: datetime) -> dict[str, int]:
    """The same by where it is from: its own, what belongs to nobody, what others lend."""
    own = {quota.id for quota in plan.quotas if quota.channel == channel}
    parts = {"own": 0, "shared": 0, "borrowed": 0}
    for pot, units in _pots(plan, pool, channel, now):
        parts["own" if pot in own else "shared" if pot == SHARED else "borrowed"] += units
    return parts


def draw(
    plan: AllocationPlan, pool: int, channel: str, quantity: int, now: datetime
) -> tuple[Draw, ...]:
    """The pots a claim takes its units from: its own quotas, then what belongs to nobody, then what
    others lend. Changes nothing; see `AllocationPlan.taking`.

    Raises QuotaExhausted when the channel may not claim that many.
    """
    draws: list[Draw] = []
    left = quantity
    for pot, units in _pots(plan, pool, channel, now):
        taken = min(left, units)
        if taken:
            draws.append(Draw(pot, taken))
            left -= taken
    if left:
        raise QuotaExhausted(plan.key.sku, plan.key.scope, channel, quantity, quantity - left)
    return tuple(draws)


def _pots(
    plan: AllocationPlan, pool: int, channel: str, now: datetime
) -> Sequence[tuple[str, int]]:
    backed = backing(plan, pool, now)
    quotas = plan.active(now)
    mine = [quota for quota in quotas if quota.channel == channel]
    pots = [(quota.id, backed.own[quota.id]) for quota in mine]
    if all(quota.may_borrow for quota in mine):
        pots.append((SHARED, backed.shared))
    if mine and all(quota.may_borrow for quota in mine):
        others = [quota for quota in reversed(quotas) if quota.channel != channel]
        pots += [(quota.id, _lendable(plan, backed, quota, now)) for quota in others]
    caps = [quota.cap for quota in mine if quota.cap is not None]
    room = max(0, min(caps) - plan.held_by(channel)) if caps else None
    return pots if room is None else _capped(pots, room)


def _capped(pots: Sequence[tuple[str, int]], room: int) -> list[tuple[str, int]]:
    capped = []
    for pot, units in pots:
        capped.append((pot, min(units, room)))
        room -= min(units, room)
    return capped


def _overdrawn(
    quotas: Sequence[Quota], wanted: Mapping[str, int], drawn: Mapping[str, int], pool: int
) -> dict[str, int]:
    served = _waterfall(quotas, wanted, max(0, pool + sum(drawn.values())))
    # A quota that drew more than it asks for was made smaller by a new plan, which harms nobody.
    over = {name: min(units, wanted[name]) - served[name] for name, units in drawn.items()}
    return {name: units for name, units in over.items() if units > 0}


def _lendable(plan: AllocationPlan, backed: Backing, quota: Quota, now: datetime) -> int:
    own = backed.own[quota.id]
    if quota.lend is Lending.ABOVE_FLOOR:
        return max(0, own - max(0, quota.floor - plan.consumed(quota.id)))
    if quota.lend is Lending.AFTER_DATE and quota.lend_after is not None:
        return own if quota.lend_after <= now else 0
    return 0


def _wanted(quota: Quota, everything: int) -> int:
    wants = {
        QuotaMode.FIXED: quota.want,
        QuotaMode.PERCENT: everything * quota.want // BASIS_POINTS,
        QuotaMode.REST: everything,
    }
    wanted = max(quota.floor, wants[quota.mode])
    return wanted if quota.cap is None else min(wanted, quota.cap)


def _waterfall(quotas: Sequence[Quota], wanted: Mapping[str, int], left: int) -> dict[str, int]:
    served = {quota.id: 0 for quota in quotas}
    for goal in (_floors, _wants, _rests):
        for tier in sorted({quota.priority for quota in quotas}):
            here = [quota for quota in quotas if quota.priority == tier]
            needs = goal(here, wanted, served)
            for name, units in _share(needs, left).items():
                served[name] += units
                left -= units
    return served


def _floors(
    quotas: Sequence[Quota], wanted: Mapping[str, int], served: Mapping[str, int]
) -> dict[str, int]:
    return {quota.id: min(quota.floor, wanted[quota.id]) for quota in quotas}


def _wants(
    quotas: Sequence[Quota], wanted: Mapping[str, int], served: Mapping[str, int]
) -> dict[str, int]:
    dated = [quota for quota in quotas if quota.mode is not QuotaMode.REST]
    return {quota.id: wanted[quota.id] - served[quota.id] for quota in dated}


def _rests(
    quotas: Sequence[Quota], wanted: Mapping[str, int], served: Mapping[str, int]
) -> dict[str, int]:
    rest = [quota for quota in quotas if quota.mode is QuotaMode.REST]
    return {quota.id: wanted[quota.id] - served[quota.id] for quota in rest}


def _share(needs: Mapping[str, int], left: int) -> dict[str, int]:
    if sum(needs.values()) <= left:
        return dict(needs)
    names = sorted(needs)
    return dict(zip(names, split_by_weights(left, [needs[name] for name in names]), strict=True))
