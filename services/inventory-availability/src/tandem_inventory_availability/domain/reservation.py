"""A claim on stock by an owner. Values, not objects that change: each step gives a new one, so the
events of one batch tell every step and not only the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.errors import (
    ReservationLineNotOpen,
    ReservationStateWrong,
)
from tandem_inventory_availability.domain.stock_position import StockKey


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
class ReservationLine:
    """A claim on one SKU at one location."""

    line_id: str
    sku: str
    location: str
    quantity: int
    released: int = 0
    shipped: int = 0
    settled: int = 0

    @property
    def open(self) -> int:
        """Units still claimed and not shipped."""
        return self.quantity - self.released - self.shipped


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

    @property
    def soft(self) -> bool:
        """True for a hold with an end."""
        return self.expires_at is not None

    @property
    def keys(self) -> list[StockKey]:
        """Positions it claims."""
        return [self.key_of(line) for line in self.lines]

    def key_of(self, line: ReservationLine) -> StockKey:
        """The position of a line."""
        return StockKey(self.owner.tenant, line.sku, line.location)

    def expired(self, now: datetime) -> bool:
        """True when its time is over, told by the clock and not by the sweeper."""
        if self.state is ReservationState.EXPIRED:
            return True
        over = self.expires_at is not None and self.expires_at <= now
        return self.state is ReservationState.HELD and over

    def open_by_key(self) -> dict[StockKey, int]:
        """Units it claims and has not shipped, by position."""
        return summed((self.key_of(line), line.open) for line in self.lines)

    def confirmed(self) -> Reservation:
        """Without an end."""
        return self._next(state=ReservationState.CONFIRMED, expires_at=None)

    def expired_now(self) -> Reservation:
        """Its time is over."""
        return self._next(state=ReservationState.EXPIRED)

    def released(self, quantities: Mapping[str, int]) -> Reservation:
        """Gives back units by line id. Raises ReservationLineNotOpen."""
        self._check_open(quantities)
        lines = [
            replace(line, released=line.released + quantities.get(line.line_id, 0))
            for line in self.lines
        ]
        return self._with_lines(lines)

    def shipped(self, quantities: Mapping[str, int]) -> Reservation:
        """Marks units as shipped. Raises ReservationLineNotOpen, ReservationStateWrong."""
        if self.state in (ReservationState.HELD, ReservationState.EXPIRED):
            raise ReservationStateWrong(self.id, self.state.value)
        self._check_open(quantities)
        lines = [
            replace(line, shipped=line.shipped + quantities.get(line.line_id, 0))
            for line in self.lines
        ]
        return self._with_lines(lines)

    def settled(self, quantities: Mapping[str, int]) -> Reservation:
        """The departure of shipped units is evidenced."""
        lines = [
            replace(line, settled=line.settled + quantities.get(line.line_id, 0))
            for line in self.lines
        ]
        return self._with_lines(lines)

    def line(self, line_id: str) -> ReservationLine | None:
        """A line by its id."""
        return next((line for line in self.lines if line.line_id == line_id), None)

    def _check_open(self, quantities: Mapping[str, int]) -> None:
        for line_id, quantity in quantities.items():
            line = self.line(line_id)
            open_units = line.open if line is not None else 0
            if quantity > open_units:
                raise ReservationLineNotOpen(line_id, quantity, open_units)

    def _with_lines(self, lines: list[ReservationLine]) -> Reservation:
        return self._next(state=_state_of(lines, self.state), lines=tuple(lines))

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


def summed(pairs: Iterable[tuple[StockKey, int]]) -> dict[StockKey, int]:
    """Quantities by position: two lines of one SKU are one demand."""
    sums: dict[StockKey, int] = {}
    for key, quantity in pairs:
        sums[key] = sums.get(key, 0) + quantity
    return sums
