"""A claim on stock by an owner. Values, not objects that change: each step gives a new one, so the
events of one batch tell every step and not only the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from tandem_inventory_availability.domain.errors import ReservationStateWrong
from tandem_inventory_availability.domain.policy_rules import FulfilmentMode
from tandem_inventory_availability.domain.reservation_line import (
    GroupKey,
    LineKey,
    Place,
    ReservationLine,
    each_with,
)
from tandem_inventory_availability.domain.stock_position import StockKey

P = TypeVar("P", StockKey, GroupKey, Place)


class ReservationState(StrEnum):
    """Life of a reservation."""

    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    CONSUMED = "CONSUMED"


LIVE = frozenset({ReservationState.HELD, ReservationState.CONFIRMED})


@dataclass(frozen=True, order=True)
class OwnerKey:
    """Who holds a reservation."""

    tenant: str
    type: str
    id: str


@dataclass(frozen=True)
class Reservation:
    """A claim with its lines. Without ``expires_at`` it has no end."""

    id: str
    owner: OwnerKey
    channel: str
    state: ReservationState
    expires_at: datetime | None
    version: int
    lines: tuple[ReservationLine, ...]
    created_at: datetime
    extensions: int = 0
    mode: FulfilmentMode | None = None
    step: str = ""

    @property
    def tenant(self) -> str:
        """Whose stock it claims."""
        return self.owner.tenant

    @property
    def soft(self) -> bool:
        """True for a hold with an end."""
        return self.expires_at is not None

    @property
    def places(self) -> list[Place]:
        """Positions and groups it claims."""
        return [line.place(self.tenant) for line in self.lines]

    def key_of(self, line: ReservationLine) -> StockKey:
        """The position of a line that names its location."""
        return StockKey(self.tenant, line.sku, line.location)

    def key_of_line(self, key: LineKey) -> StockKey:
        """The position a line's key names."""
        return StockKey(self.tenant, key.sku, key.location)

    def expired(self, now: datetime) -> bool:
        """True when its time is over, told by the clock and not by the sweeper."""
        if self.state is ReservationState.EXPIRED:
            return True
        over = self.expires_at is not None and self.expires_at <= now
        return self.state is ReservationState.HELD and over

    def claimed(self) -> dict[Place, int]:
        """Units of stock on hand it claims and has not shipped, by place."""
        return summed((line.place(self.tenant), line.on_hand) for line in self.lines)

    def backordered(self) -> dict[StockKey, int]:
        """Of those, the ones allowed below zero."""
        return summed((self.key_of(x), x.backordered) for x in self.lines if x.backordered)

    def confirmed(self) -> Reservation:
        """Without an end."""
        return self._next(state=ReservationState.CONFIRMED, expires_at=None)

    def expired_now(self) -> Reservation:
        """Its time is over."""
        return self._next(state=ReservationState.EXPIRED)

    def extended(self, ends: datetime) -> Reservation:
        """With a later end."""
        return self._next(expires_at=ends, extensions=self.extensions + 1)

    def owned_by(self, owner: OwnerKey) -> Reservation:
        """With another owner."""
        return self._next(owner=owner)

    def released(self, quantities: Mapping[LineKey, int]) -> Reservation:
        """Gives back units, chosen before."""
        pairs = each_with(self.lines, quantities)
        return self.with_lines([line.give_back(units) for line, units in pairs])

    def shipped(self, quantities: Mapping[LineKey, int]) -> Reservation:
        """Marks units as shipped, chosen before. Raises ReservationStateWrong."""
        if self.state in (ReservationState.HELD, ReservationState.EXPIRED):
            raise ReservationStateWrong(self.id, self.state.value)
        pairs = each_with(self.lines, quantities)
        return self.with_lines([line.ship(units) if units else line for line, units in pairs])

    def unshipped(self, quantities: Mapping[LineKey, int]) -> Reservation:
        """Takes a shipment of units back: they are claimed again."""
        pairs = each_with(self.lines, quantities)
        lines = [replace(line, shipped=line.shipped - units) for line, units in pairs]
        return self._next(state=ReservationState.CONFIRMED, lines=tuple(lines))

    def settled(self, quantities: Mapping[LineKey, int]) -> Reservation:
        """The departure of shipped units is evidenced."""
        pairs = each_with(self.lines, quantities)
        return self.with_lines(
            [replace(line, settled=line.settled + units) for line, units in pairs]
        )

    def with_lines(self, lines: Iterable[ReservationLine]) -> Reservation:
        """With other lines, and the state that follows from them."""
        lines = tuple(lines)
        return self._next(state=_state_of(lines, self.state), lines=lines)

    def line(self, key: LineKey) -> ReservationLine | None:
        """A line by its key."""
        return next((line for line in self.lines if line.key == key), None)

    def _next(self, **changes: object) -> Reservation:
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]  # fields by name


def _state_of(lines: Iterable[ReservationLine], before: ReservationState) -> ReservationState:
    lines = list(lines)
    if any(line.open for line in lines):
        return before
    shipped = sum(line.shipped for line in lines)
    if not shipped:
        return ReservationState.RELEASED
    settled = sum(line.settled for line in lines)
    return ReservationState.CONSUMED if settled == shipped else before


def summed(pairs: Iterable[tuple[P, int]]) -> dict[P, int]:
    """Quantities by place: two lines of one SKU are one demand."""
    sums: dict[P, int] = {}
    for place, quantity in pairs:
        sums[place] = sums.get(place, 0) + quantity
    return sums
