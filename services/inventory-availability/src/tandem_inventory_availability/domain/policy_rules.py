"""What a retailer can decide about stock: values, each with the window it is effective in.

Rules name a SKU and a place or leave them empty for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tandem_inventory_availability.domain.catalogue import LocationKind
from tandem_inventory_availability.domain.rule_index import ALL

BASIS_POINTS = 10_000
"""The whole of a share; shares are integers, never floating point."""


class FulfilmentMode(StrEnum):
    """How units reach the customer; safety stock and eligibility may differ."""

    SHIP = "SHIP"
    PICKUP = "PICKUP"
    SAME_DAY = "SAME_DAY"


class LocationStatus(StrEnum):
    """Whether a location may be promised from."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"


@dataclass(frozen=True)
class Window:
    """When an entry is effective: from (in) until (out); None is without end."""

    since: datetime | None = None
    until: datetime | None = None

    def covers(self, now: datetime) -> bool:
        """True when the entry is effective."""
        return (self.since is None or self.since <= now) and (
            self.until is None or now < self.until
        )

    def overlaps(self, other: Window) -> bool:
        """True when both are effective at some moment."""
        return _before(self.since, other.until) and _before(other.since, self.until)


def _before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end


ALWAYS = Window()


class Windowed:
    """An entry that is effective in its window."""

    window: Window

    def in_effect(self, now: datetime) -> bool:
        """True when it is effective."""
        return self.window.covers(now)


@dataclass(frozen=True)
class LocationTerms(Windowed):
    """What may happen at a location while the window lasts.

    Without ``modes`` the catalogue decides: a location that does not ship does not ship, and every
    location may be picked up at. ``dock_to_stock`` is added to the arrival of supply.
    """

    status: LocationStatus = LocationStatus.ACTIVE
    dock_to_stock: timedelta = timedelta(0)
    modes: frozenset[FulfilmentMode] = frozenset()
    receives_returns: bool = True
    window: Window = ALWAYS


OPEN = LocationTerms()
"""A location nobody decided anything about."""


@dataclass(frozen=True)
class LocationPolicy:
    """A location of the catalogue and what was decided about it, at most one at any moment."""

    id: str
    kind: LocationKind
    priority: int
    ships: bool
    schedule: tuple[LocationTerms, ...] = ()

    def terms(self, now: datetime) -> LocationTerms:
        """What is decided now."""
        return next((terms for terms in self.schedule if terms.in_effect(now)), OPEN)


@dataclass(frozen=True)
class SourcingGroup(Windowed):
    """Locations an order may be sourced from; the earlier a member the more it is preferred.

    Empty ``channels`` or ``modes`` means all.
    """

    id: str
    members: tuple[str, ...]
    channels: frozenset[str] = frozenset()
    modes: frozenset[FulfilmentMode] = frozenset()
    window: Window = ALWAYS

    def serves(self, channel: str, mode: FulfilmentMode | None) -> bool:
        """True when it is meant for a channel and a mode; no mode asks for none in particular."""
        return (not self.channels or channel in self.channels) and (
            mode is None or not self.modes or mode in self.modes
        )


@dataclass(frozen=True)
class SafetyRule(Windowed):
    """Units kept back at a location, of a kind, or (with ``group``) of a whole network."""

    id: str
    quantity: int
    sku: str = ALL
    location: str = ALL
    kind: LocationKind | None = None
    group: str = ALL
    mode: FulfilmentMode | None = None
    window: Window = ALWAYS


@dataclass(frozen=True)
class HaircutRule(Windowed):
    """Units a day taken off while a source is silent for longer than it promised."""

    id: str
    units_per_day: int
    sku: str = ALL
    location: str = ALL
    window: Window = ALWAYS


@dataclass(frozen=True)
class BackorderRule(Windowed):
    """How far below zero may be promised, until the window ends."""

    id: str
    limit: int
    sku: str = ALL
    location: str = ALL
    window: Window = ALWAYS


@dataclass(frozen=True)
class HoldRule(Windowed):
    """How long holds of a channel last; ``step`` is the checkout's, empty for all."""

    id: str
    channel: str = ALL
    step: str = ALL
    time_to_live: timedelta = timedelta(minutes=15)
    lifetime_max: timedelta = timedelta(hours=24)
    extensions_max: int = 10
    window: Window = ALWAYS


@dataclass(frozen=True)
class ThresholdRule(Windowed):
    """From how few units on a position counts as low."""

    id: str
    low: int
    sku: str = ALL
    location: str = ALL
    window: Window = ALWAYS


@dataclass(frozen=True)
class SupplyRule(Windowed):
    """How far dated supply is trusted and what becomes of returns.

    ``lateness`` is added to each expected arrival; supply overdue for ``zero_after`` counts no
    more. Returned units count after ``inspection`` at ``return_yield`` basis points; 0, the
    default, leaves them out.
    """

    id: str
    sku: str = ALL
    location: str = ALL
    lateness: timedelta = timedelta(0)
    zero_after: timedelta = timedelta(days=7)
    return_yield: int = 0
    inspection: timedelta = timedelta(days=2)
    window: Window = ALWAYS


@dataclass(frozen=True)
class LeadTimeRule(Windowed):
    """How long it takes to get any quantity that is neither there nor on order."""

    id: str
    lead_time: timedelta
    sku: str = ALL
    location: str = ALL
    window: Window = ALWAYS


@dataclass(frozen=True)
class NetworkTerms(Windowed):
    """Whether a deficit at one member lowers its group: its victims are sourced there again."""

    net_deficits: bool = True
    window: Window = ALWAYS


PolicyRule = (
    LocationTerms
    | SourcingGroup
    | SafetyRule
    | HaircutRule
    | BackorderRule
    | HoldRule
    | ThresholdRule
    | SupplyRule
    | LeadTimeRule
    | NetworkTerms
)
