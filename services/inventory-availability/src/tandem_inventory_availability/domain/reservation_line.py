"""One claim of a reservation: units of a SKU at a location, or of a sourcing group until pinned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from tandem_inventory_availability.domain.errors import ReservationLineNotOpen
from tandem_inventory_availability.domain.stock_position import StockKey


@dataclass(frozen=True, order=True)
class GroupKey:
    """One SKU in one sourcing group. Its order is the order rows are locked in."""

    tenant: str
    sku: str
    group: str


Place = StockKey | GroupKey
"""What a line claims: a position, or any member of a group."""


@dataclass(frozen=True)
class Peg:
    """Units that wait for a supply line."""

    supply_line_id: str
    quantity: int


@dataclass(frozen=True)
class Draw:
    """Units taken from a pot of the channel's allocation; SHARED for what no quota covers."""

    quota_id: str
    quantity: int


T = TypeVar("T", Peg, Draw)


@dataclass(frozen=True, order=True)
class LineKey:
    """A line of a reservation: pinned parts and components of a bundle share the owner's id."""

    line_id: str
    sku: str
    location: str
    group: str


@dataclass(frozen=True)
class LineQuantity:
    """Units of an owner's line; a location or a SKU narrows it to a part."""

    line_id: str
    quantity: int
    location: str = ""
    sku: str = ""


@dataclass(frozen=True)
class ReservationLine:
    """A claim. ``pegged`` of its open units wait for supply and claim nothing on hand;
    ``backordered`` ones claim below zero; ``short`` ones were asked for and not claimed."""

    line_id: str
    sku: str
    location: str
    quantity: int
    released: int = 0
    shipped: int = 0
    settled: int = 0
    group: str = ""
    short: int = 0
    pegged: int = 0
    backordered: int = 0
    bundle: str = ""
    ratio: int = 0
    need_by: datetime | None = None
    pegs: tuple[Peg, ...] = ()
    draws: tuple[Draw, ...] = ()

    @property
    def key(self) -> LineKey:
        """What names it within its reservation."""
        return LineKey(self.line_id, self.sku, self.location, self.group)

    @property
    def open(self) -> int:
        """Units still claimed and not shipped."""
        return self.quantity - self.released - self.shipped

    @property
    def on_hand(self) -> int:
        """Open units claimed of stock on hand."""
        return self.open - self.pegged

    def place(self, tenant: str) -> Place:
        """What it claims."""
        if self.group:
            return GroupKey(tenant, self.sku, self.group)
        return StockKey(tenant, self.sku, self.location)

    def give_back(self, quantity: int) -> ReservationLine:
        """Fewer units: those that wait longest go first, stock on hand last."""
        pegs, given = parted(self.pegs, quantity)
        unpegged = sum(peg.quantity for peg in given)
        rest = quantity - unpegged
        draws, _ = self.undrawn(quantity)
        return replace(
            self,
            released=self.released + quantity,
            pegs=pegs,
            draws=draws,
            pegged=self.pegged - unpegged,
            backordered=max(0, self.backordered - rest),
        )

    def undrawn(self, quantity: int) -> tuple[tuple[Draw, ...], tuple[Draw, ...]]:
        """The draws that stay and those that return when units are given back. Units on supply and
        below zero go first: they were never drawn."""
        return parted(self.draws, max(0, quantity - self.pegged - self.backordered))

    def ship(self, quantity: int) -> ReservationLine:
        """Units left; of what was below zero none is once it can be shipped."""
        shipped = replace(self, shipped=self.shipped + quantity)
        return replace(shipped, backordered=min(self.backordered, shipped.on_hand))

    def unpegged(self) -> ReservationLine:
        """Without its claims on supply, which came to nothing: those units are short now."""
        fewer = self.pegged
        return replace(
            self, pegs=(), pegged=0, released=self.released + fewer, short=self.short + fewer
        )


def parted(parts: Sequence[T], quantity: int) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """What is kept and what is given back of parts that get up to that many units smaller. The last
    goes first, so borrowed units return before a channel's own."""
    kept: list[T] = []
    given: list[T] = []
    for part in reversed(parts):
        off = min(quantity, part.quantity)
        quantity -= off
        if off:
            given.append(replace(part, quantity=off))
        if part.quantity > off:
            kept.append(replace(part, quantity=part.quantity - off))
    return tuple(reversed(kept)), tuple(given)


def chosen(
    lines: Sequence[ReservationLine], quantities: Iterable[LineQuantity]
) -> dict[LineKey, int]:
    """The units of each line that are meant, bundles taken apart.

    Unpinned units go first, then by location. Raises ReservationLineNotOpen when a line is not
    there, or not open for that many units.
    """
    taken: dict[LineKey, int] = {}
    for wanted in quantities:
        parts = [line for line in lines if _meant(line, wanted)]
        if not parts:
            raise ReservationLineNotOpen(wanted.line_id, wanted.quantity, 0)
        for sku in dict.fromkeys(line.sku for line in parts):
            _take(taken, [line for line in parts if line.sku == sku], wanted)
    return taken


def _meant(line: ReservationLine, wanted: LineQuantity) -> bool:
    return (
        line.line_id == wanted.line_id
        and (not wanted.location or line.location == wanted.location)
        and wanted.sku in ("", line.sku)
    )


def _take(taken: dict[LineKey, int], parts: list[ReservationLine], wanted: LineQuantity) -> None:
    ratio = parts[0].ratio if parts[0].ratio and not wanted.sku else 1
    left = wanted.quantity * ratio
    parts = sorted(parts, key=lambda line: (bool(line.location), line.location))
    for part in parts:
        units = min(left, part.open - taken.get(part.key, 0))
        if units:
            taken[part.key] = taken.get(part.key, 0) + units
            left -= units
    if left:
        open_units = wanted.quantity * ratio - left
        raise ReservationLineNotOpen(wanted.line_id, wanted.quantity * ratio, open_units)


def each_with(
    lines: Sequence[ReservationLine], quantities: Mapping[LineKey, int]
) -> list[tuple[ReservationLine, int]]:
    """Every line with its units of a choice, 0 for those not chosen."""
    return [(line, quantities.get(line.key, 0)) for line in lines]
