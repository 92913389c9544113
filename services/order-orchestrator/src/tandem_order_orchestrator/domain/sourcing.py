"""Which location ships what: predictable by rank, fewest shipments first.

A single location that has everything wins; else the fewest of the first ranked locations that
together cover it; else one guess over all of them. All lines or none: what cannot be covered comes
back as shortages with alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from tandem_order_orchestrator.domain.order_parts import Alternative, Shortage
from tandem_order_orchestrator.domain.order_reservation import PlannedLine

LOCATIONS_CONSIDERED_MAX = 12
"""Combinations grow fast: 12 locations, up to 4 at once, are 793 sets."""
SHIPMENTS_MAX = 4
ALTERNATIVES_MAX = 5


@dataclass(frozen=True)
class Demand:
    """Units of a line to be sourced."""

    line_ref: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class StockAt:
    """What one location can promise of one SKU; lower rank is asked first."""

    sku: str
    location: str
    available: int
    rank: int


@dataclass(frozen=True)
class SourcingPlan:
    """Either a plan that covers everything, or what is short."""

    lines: tuple[PlannedLine, ...]
    shortages: tuple[Shortage, ...]


def plan_sourcing(demands: Sequence[Demand], stock: Sequence[StockAt]) -> SourcingPlan:
    """A plan for all demands, or the shortages of each SKU that cannot be covered."""
    needed = _sum_by_sku(demands)
    available = {(s.sku, s.location): s.available for s in stock if s.available > 0}
    locations = _ranked_locations(needed, stock)
    for chosen in _choices(locations, needed, available):
        if _covers(chosen, needed, available):
            return SourcingPlan(_assign(chosen, demands, available), ())
    return SourcingPlan((), shortages_of(demands, stock))


def shortages_of(demands: Sequence[Demand], stock: Sequence[StockAt]) -> tuple[Shortage, ...]:
    """What the whole network lacks; every SKU when there is enough but too widely spread."""
    needed = _sum_by_sku(demands)
    return _shortages(needed, stock, every=False) or _shortages(needed, stock, every=True)


def _sum_by_sku(demands: Sequence[Demand]) -> dict[str, int]:
    needed: dict[str, int] = {}
    for demand in demands:
        needed[demand.sku] = needed.get(demand.sku, 0) + demand.quantity
    return needed


def _ranked_locations(needed: Mapping[str, int], stock: Sequence[StockAt]) -> list[str]:
    ranks: dict[str, int] = {}
    for item in stock:
        if item.sku in needed and item.available > 0:
            ranks[item.location] = min(item.rank, ranks.get(item.location, item.rank))
    return sorted(ranks, key=lambda location: (ranks[location], location))


def _choices(
    locations: Sequence[str], needed: Mapping[str, int], available: Mapping[tuple[str, str], int]
) -> Iterator[Sequence[str]]:
    """Every single location, then sets of the first ranked, then one guess over all of them."""
    yield from ((location,) for location in locations)
    for count in range(2, SHIPMENTS_MAX + 1):
        yield from combinations(locations[:LOCATIONS_CONSIDERED_MAX], count)
    if len(locations) > LOCATIONS_CONSIDERED_MAX:
        yield _most_first(locations, needed, available)


def _most_first(
    locations: Sequence[str], needed: Mapping[str, int], available: Mapping[tuple[str, str], int]
) -> Sequence[str]:
    """Up to SHIPMENTS_MAX locations, each the one that adds most; ties by rank."""
    left = dict(needed)
    chosen: list[str] = []
    while len(chosen) < SHIPMENTS_MAX and any(left.values()):
        adds = {
            location: sum(min(q, available.get((sku, location), 0)) for sku, q in left.items())
            for location in locations
            if location not in chosen
        }
        best = max(adds, key=lambda location: adds[location])
        chosen.append(best)
        left = {sku: q - min(q, available.get((sku, best), 0)) for sku, q in left.items()}
    return sorted(chosen, key=locations.index)


def _covers(
    chosen: Sequence[str], needed: Mapping[str, int], available: Mapping[tuple[str, str], int]
) -> bool:
    return all(
        sum(available.get((sku, location), 0) for location in chosen) >= quantity
        for sku, quantity in needed.items()
    )


def _assign(
    chosen: Sequence[str], demands: Sequence[Demand], available: Mapping[tuple[str, str], int]
) -> tuple[PlannedLine, ...]:
    left = dict(available)
    plan: list[PlannedLine] = []
    for demand in demands:
        open_units = demand.quantity
        for location in chosen:
            taken = min(open_units, left.get((demand.sku, location), 0))
            if taken:
                left[(demand.sku, location)] -= taken
                open_units -= taken
                plan.append(PlannedLine(demand.line_ref, location, taken))
    return tuple(plan)


def _shortages(
    needed: Mapping[str, int], stock: Sequence[StockAt], *, every: bool
) -> tuple[Shortage, ...]:
    totals = {
        sku: sum(s.available for s in stock if s.sku == sku and s.available > 0) for sku in needed
    }
    return tuple(
        Shortage(sku, quantity, totals[sku], _alternatives(sku, stock))
        for sku, quantity in sorted(needed.items())
        if every or totals[sku] < quantity
    )


def _alternatives(sku: str, stock: Sequence[StockAt]) -> tuple[Alternative, ...]:
    has = [s for s in stock if s.sku == sku and s.available > 0]
    has.sort(key=lambda s: (-s.available, s.rank, s.location))
    return tuple(Alternative(s.location, s.available) for s in has[:ALTERNATIVES_MAX])
