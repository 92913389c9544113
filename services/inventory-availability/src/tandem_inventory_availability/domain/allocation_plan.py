"""How a SKU's stock is shared out among channels, and what each drew of it.

A plan is a value: a draw or a return gives a new one, so a refused command leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from tandem_inventory_availability.domain.policy_rules import ALWAYS, Window, Windowed
from tandem_inventory_availability.domain.reservation_line import Draw, GroupKey, Place
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import StockKey

SHARED = "SHARED"
"""The pot of everything no quota covers; no quota may have this id."""


class QuotaMode(StrEnum):
    """What a quota asks for."""

    FIXED = "FIXED"
    PERCENT = "PERCENT"
    REST = "REST"


class Lending(StrEnum):
    """What other channels may take of a quota nobody used yet."""

    NONE = "NONE"
    ABOVE_FLOOR = "ABOVE_FLOOR"
    AFTER_DATE = "AFTER_DATE"


class ScopeLevel(StrEnum):
    """What the plans of a SKU stand for; all of them the same."""

    LOCATION = "LOCATION"
    GROUP = "GROUP"


@dataclass(frozen=True)
class Quota(Windowed):
    """One channel's part. ``want`` is units for FIXED, hundredths of a percent for PERCENT and
    nothing for REST; of ``want`` the ``floor`` is served before any other channel's wish.

    ``cap`` bounds all that the channel holds at once, whatever pot it is from. A lower ``priority``
    is served first.
    """

    id: str
    channel: str
    mode: QuotaMode
    want: int = 0
    floor: int = 0
    cap: int | None = None
    priority: int = 0
    window: Window = ALWAYS
    lend: Lending = Lending.NONE
    lend_after: datetime | None = None
    may_borrow: bool = True


class Pot(NamedTuple):
    """Units of a quota (or SHARED) in the hands of a channel."""

    channel: str
    quota_id: str


@dataclass(frozen=True, order=True)
class PlanKey:
    """One SKU in one scope, a location or a group. Its order is the order rows are locked in."""

    tenant: str
    sku: str
    scope: str


@dataclass(frozen=True)
class AllocationPlan:
    """``drawn`` holds all claims by pot, ``expired`` those of holds whose time is over and that
    nobody tidied yet: they count no more."""

    key: PlanKey
    level: ScopeLevel
    version: int = 1
    quotas: tuple[Quota, ...] = ()
    drawn: Mapping[Pot, int] = field(default_factory=dict)
    expired: Mapping[Pot, int] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Whose stock it shares out."""
        if self.level is ScopeLevel.GROUP:
            return GroupKey(self.key.tenant, self.key.sku, self.key.scope)
        return StockKey(self.key.tenant, self.key.sku, self.key.scope)

    def live(self, pot: Pot) -> int:
        """Units that are drawn now."""
        return self.drawn.get(pot, 0) - self.expired.get(pot, 0)

    def consumed(self, quota_id: str) -> int:
        """Units drawn of one quota, by whatever channel."""
        return sum(self.live(pot) for pot in self.drawn if pot.quota_id == quota_id)

    def held_by(self, channel: str) -> int:
        """Units a channel drew of all pots."""
        return sum(self.live(pot) for pot in self.drawn if pot.channel == channel)

    @property
    def empty(self) -> bool:
        """True when it shares nothing out and nobody holds anything of it."""
        return not self.quotas and not self.drawn

    @property
    def all_drawn(self) -> int:
        """Units drawn by anybody of anything."""
        return sum(self.live(pot) for pot in self.drawn)

    def active(self, now: datetime) -> list[Quota]:
        """Quotas in their window, in the order they are served."""
        found = [quota for quota in self.quotas if quota.in_effect(now)]
        return sorted(found, key=lambda quota: (quota.priority, quota.id))

    def taking(self, channel: str, draws: Iterable[Draw]) -> AllocationPlan:
        """The plan after a channel drew."""
        return self._moved(channel, draws, 1)

    def giving(self, channel: str, draws: Iterable[Draw]) -> AllocationPlan:
        """The plan after a channel gave units back to the pots they came from."""
        return self._moved(channel, draws, -1)

    def lapsing(self, channel: str, draws: Iterable[Draw]) -> AllocationPlan:
        """The plan after a hold that had expired was tidied: what is live stays the same."""
        draws = list(draws)
        expired = _moved(self.expired, channel, draws, -1)
        return replace(self._moved(channel, draws, -1), expired=expired)

    def _moved(self, channel: str, draws: Iterable[Draw], sign: int) -> AllocationPlan:
        return replace(self, drawn=_moved(self.drawn, channel, draws, sign))


def _moved(
    pots: Mapping[Pot, int], channel: str, draws: Iterable[Draw], sign: int
) -> dict[Pot, int]:
    moved = dict(pots)
    for item in draws:
        pot = Pot(channel, item.quota_id)
        moved[pot] = moved.get(pot, 0) + sign * item.quantity
    return {pot: units for pot, units in moved.items() if units}


def plan_of(
    plans: Iterable[AllocationPlan], policy: StockPolicy, place: Place, now: datetime
) -> AllocationPlan | None:
    """The plan a claim on a place draws from, None when nothing shares its stock out.

    A location draws from its own plan, or from the one of its group. A group draws from its own, or
    from that of a group that shares a member with it; where plans stand for locations it draws
    nothing until its units are pinned.
    """
    mine = {
        plan.key.scope: plan
        for plan in plans
        if (plan.key.tenant, plan.key.sku) == (place.tenant, place.sku) and not plan.empty
    }
    if not mine:
        return None
    if isinstance(place, StockKey):
        groups = [group.id for group in policy.groups_of(place.location, now)]
        scopes = [place.location] if _level(mine) is ScopeLevel.LOCATION else groups
    else:
        group = policy.group(place.group, now)
        near = [other.id for other in policy.overlapping(group, now)] if group else []
        scopes = [place.group, *near] if _level(mine) is ScopeLevel.GROUP else []
    return next((mine[scope] for scope in scopes if scope in mine), None)


def _level(plans: Mapping[str, AllocationPlan]) -> ScopeLevel:
    return next(iter(plans.values())).level
