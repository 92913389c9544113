"""What can be promised over time, looking ahead: a promise for one day takes nothing that is needed
on a later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem_inventory_availability.domain.policy_rules import BASIS_POINTS
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import Bucket, StockPosition
from tandem_inventory_availability.domain.supply_line import SupplyLine


@dataclass(frozen=True)
class Change:
    """Units that come at a moment; negative for units that are needed then."""

    at: datetime
    units: int


@dataclass(frozen=True)
class CurvePoint:
    """From ``at`` on; ``projected`` stock may be negative, ``available`` can be promised."""

    at: datetime
    projected: int
    available: int


def curve(
    base: int, changes: Iterable[Change], now: datetime, horizon: datetime, safety: int = 0
) -> list[CurvePoint]:
    """P(t) = base + what comes until t; ATP(t) = the least P from t to the horizon, less safety.

    The first point is now; what should have happened before now happens now.
    """
    steps: dict[datetime, int] = {now: 0}
    for change in changes:
        at = max(change.at, now)
        if at <= horizon:
            steps[at] = steps.get(at, 0) + change.units
    projected, level = [], base
    for at in sorted(steps):
        level += steps[at]
        projected.append((at, level))
    points: list[CurvePoint] = []
    least: int | None = None
    for at, level in reversed(projected):
        least = level if least is None else min(least, level)
        points.append(CurvePoint(at, level, max(0, least - safety)))
    return points[::-1]


def available_at(points: Sequence[CurvePoint], at: datetime) -> int:
    """What can be promised at a moment; before the first point, nothing."""
    return max((point.available for point in points if point.at <= at), default=0)


def earliest(points: Sequence[CurvePoint], quantity: int) -> datetime | None:
    """From when on a quantity can be promised; None within this horizon never."""
    return next((point.at for point in points if point.available >= quantity), None)


def lower_of(curves: Sequence[Sequence[CurvePoint]]) -> list[CurvePoint]:
    """What several limits allow together, at every moment one of them changes."""
    first, *others = curves
    if not others:
        return list(first)
    times = sorted({point.at for points in curves for point in points})
    projected = {point.at: point.projected for point in first}
    found, level = [], first[0].projected
    for at in times:
        level = projected.get(at, level)
        found.append(CurvePoint(at, level, min(available_at(points, at) for points in curves)))
    return found


def supply_changes(lines: Iterable[SupplyLine]) -> list[Change]:
    """What supply brings, less what waits for it; judged lines only. Units whose supply counts no
    more are still needed, so they stay in as demand."""
    return [
        Change(line.sellable_from, line.counted - line.pegged + line.pegged_expired)
        for line in lines
    ]


def return_changes(position: StockPosition, policy: StockPolicy, now: datetime) -> list[Change]:
    """Returned units that pass inspection, rounded down; none unless the policy says so."""
    rule = policy.supply_rule(position.key.sku, position.key.location, now)
    units = position.buckets.get(Bucket.RETURN_PENDING, 0) * rule.return_yield // BASIS_POINTS
    return [Change(now + max(rule.inspection, timedelta(0)), units)] if units > 0 else []
