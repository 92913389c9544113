"""When and from where lines can be fulfilled; nothing is held for them.

One location that suffices in time is best, by preference; then the one that suffices first; then
several. What no stock or supply covers within the horizon is promised by lead time or as backorder,
as far as the policy allows, or is short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.availability_curve import (
    CurvePoint,
    available_at,
    earliest,
)
from tandem_inventory_availability.domain.stock_forecast import StockForecast


class Basis(StrEnum):
    """What a promise rests on."""

    ON_HAND = "ON_HAND"
    SUPPLY = "SUPPLY"
    BACKORDER = "BACKORDER"
    LEAD_TIME = "LEAD_TIME"


@dataclass(frozen=True)
class WantedLine:
    """Units somebody wants; without ``need_by`` as soon as possible, without a place from any."""

    line_id: str
    sku: str
    quantity: int
    need_by: datetime | None = None
    location: str = ""


@dataclass(frozen=True)
class Part:
    """Units from one location; without ``at`` there is no date."""

    location: str
    quantity: int
    at: datetime | None
    basis: Basis


@dataclass(frozen=True)
class PromisedLine:
    """The parts of a line and what is left over."""

    line_id: str
    parts: tuple[Part, ...]
    short: int
    need_by: datetime | None = None

    @property
    def complete_at(self) -> datetime | None:
        """When all of it is there; None without a date for all."""
        dates = [part.at for part in self.parts if part.at is not None]
        undated = self.short or len(dates) < len(self.parts)
        return None if undated else max(dates, default=None)

    @property
    def in_time(self) -> bool:
        """True when all of it is there by the time it is needed."""
        at = self.complete_at
        return at is not None and (self.need_by is None or at <= self.need_by)


Curves = dict[str, list[CurvePoint]]
"""What each location can promise of a line's SKU, the preferred ones first."""


def promise(
    forecast: StockForecast, lines: Sequence[WantedLine], locations: Sequence[str], group: str = ""
) -> list[PromisedLine]:
    """Plans each line after the other. ``locations`` are in order of preference."""
    return [_promise(forecast, line, locations, group) for line in lines]


def _promise(
    forecast: StockForecast, line: WantedLine, locations: Sequence[str], group: str
) -> PromisedLine:
    places = [line.location] if line.location else list(locations)
    curves = {place: location_curve(forecast, line.sku, place) for place in places}
    limit = group_curve(forecast, line.sku, group) if group else None
    parts = _single(line, curves, limit) or _split(line, curves, limit)
    now = forecast.stock.view.now
    found = [
        Part(place, units, at, Basis.ON_HAND if at <= now else Basis.SUPPLY)
        for place, units, at in parts
    ]
    for part in found:
        for sku, ratio in _components(forecast, line.sku).items():
            forecast.plan(sku, part.location, part.at or now, part.quantity * ratio)
    left = line.quantity - sum(part.quantity for part in found)
    if left:
        later = _later(forecast, line, places, left)
        found += later
        left -= sum(part.quantity for part in later)
    return PromisedLine(line.line_id, tuple(found), left, line.need_by)


Planned = list[tuple[str, int, datetime]]


def _single(line: WantedLine, curves: Curves, limit: list[CurvePoint] | None) -> Planned:
    """All of it from one location."""
    ready = [(place, earliest(points, line.quantity)) for place, points in curves.items()]
    whole = earliest(limit, line.quantity) if limit is not None else None
    if limit is not None and whole is None:
        return []
    dated = [(place, max(at, whole) if whole else at) for place, at in ready if at is not None]
    if not dated:
        return []
    in_time = [(place, at) for place, at in dated if line.need_by and at <= line.need_by]
    place, at = in_time[0] if in_time else min(dated, key=lambda one: one[1])
    return [(place, line.quantity, at)]


def _split(line: WantedLine, curves: Curves, limit: list[CurvePoint] | None) -> Planned:
    """As early as possible from several; less than all when that is all there will be."""
    times = sorted({point.at for points in curves.values() for point in points})
    if limit is not None:
        times = sorted({*times, *(point.at for point in limit)})
    parts: dict[str, tuple[int, datetime]] = {}
    total = 0
    for at in times:
        room = line.quantity - total
        if limit is not None:
            room = min(room, available_at(limit, at) - total)
        for place, points in curves.items():
            had = parts.get(place, (0, at))[0]
            units = min(room, available_at(points, at) - had)
            if units > 0:
                parts[place] = (had + units, at)
                room, total = room - units, total + units
        if total == line.quantity:
            break
    return [(place, units, at) for place, (units, at) in parts.items()]


def _later(
    forecast: StockForecast, line: WantedLine, places: Sequence[str], units: int
) -> list[Part]:
    """By lead time, which has a date, or below zero, which has none."""
    view = forecast.stock.view
    eligible = [x for x in places if view.policy.eligible(x, view.mode, view.now)]
    for place in eligible:
        lead_time = view.policy.lead_time(line.sku, place, view.now)
        if lead_time is not None:
            return [Part(place, units, view.now + lead_time, Basis.LEAD_TIME)]
    for place in eligible:
        limit = view.policy.backorder_limit(line.sku, place, view.now)
        position = forecast.stock.positions.get(line.sku, {}).get(place)
        # Units this plan takes on hand leave room below zero only as far as the limit reaches.
        room = limit + min(0, position.free if position else 0)
        if room > 0:
            return [Part(place, min(units, room), None, Basis.BACKORDER)]
    return []


def _components(forecast: StockForecast, sku: str) -> dict[str, int]:
    return dict(forecast.stock.view.policy.bundles.get(sku, {sku: 1}))


def location_curve(forecast: StockForecast, sku: str, place: str) -> list[CurvePoint]:
    """What a location can promise over time; of a bundle, whole ones."""
    parts = _components(forecast, sku).items()
    return _whole([(forecast.at_location(part, place), ratio) for part, ratio in parts])


def group_curve(forecast: StockForecast, sku: str, group: str) -> list[CurvePoint]:
    """What a group can promise over time; of a bundle, whole ones."""
    parts = _components(forecast, sku).items()
    return _whole([(forecast.of_group(part, group), ratio) for part, ratio in parts])


def _whole(curves: Sequence[tuple[list[CurvePoint], int]]) -> list[CurvePoint]:
    """Whole bundles that the curves of the components allow at every moment."""
    if len(curves) == 1 and curves[0][1] == 1:
        return curves[0][0]
    times = sorted({point.at for points, _ in curves for point in points})
    found = []
    for at in times:
        units = min(available_at(points, at) // ratio for points, ratio in curves)
        found.append(CurvePoint(at, units, units))
    return found
