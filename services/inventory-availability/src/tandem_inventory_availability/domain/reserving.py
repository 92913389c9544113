"""Making a reservation: all lines, line by line, or what there is with the rest on supply.

Everything is checked before anything is changed, so a refused command leaves no trace in the batch
it shares with others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_inventory_availability.domain.claiming import claim, take_back
from tandem_inventory_availability.domain.drawing import Drawing
from tandem_inventory_availability.domain.errors import (
    GroupNotEligible,
    InsufficientStock,
    PositionMoved,
    Short,
)
from tandem_inventory_availability.domain.reservation import Reservation, summed
from tandem_inventory_availability.domain.reservation_line import (
    GroupKey,
    Peg,
    Place,
    ReservationLine,
)
from tandem_inventory_availability.domain.room import Demand, Room
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.domain.supply_line import peg

MADE = "MADE"


class ReserveMode(StrEnum):
    """What happens when not everything can be claimed."""

    ATOMIC = "ATOMIC"
    PER_LINE = "PER_LINE"
    FILL_OR_PEG = "FILL_OR_PEG"


@dataclass(frozen=True)
class ExpectedPosition:
    """A ledger position the caller planned with."""

    key: StockKey
    position: int


def reserve(
    book: StockBook, wanted: Reservation, how: ReserveMode = ReserveMode.ATOMIC
) -> Reservation:
    """Claims lines; what the owner held before is replaced.

    Raises InsufficientStock, QuotaExhausted, SkuUnknown, LocationUnknown, GroupUnknown,
    GroupNotEligible, ValidationFailed.
    """
    _check_line_ids(wanted)
    check_places(book, wanted.lines, wanted)
    held = book.live_of(wanted.owner)
    # An owner's own hold never stands in its way: it is given back in the same step.
    demand, drawing = Demand(), Drawing(book, wanted.channel)
    for old in held:
        for place, quantity in old.claimed().items():
            demand.add(place, -quantity)
        drawing.give(old, {line.key: line.open for line in old.lines})
    parts = [part for line in wanted.lines for part in components(book, wanted.tenant, line)]
    lines = _Taking(book, wanted, demand, drawing).lines(parts, how)
    for old in held:
        take_back(book, old, {line.key: line.open for line in old.lines}, "REPLACED")
    return book.step(claim(book, replace(wanted, lines=tuple(lines))), MADE)


def components(book: StockBook, tenant: str, line: ReservationLine) -> list[ReservationLine]:
    """The lines of a bundle's components, or the line itself."""
    ratios = book.policy(tenant).bundles.get(line.sku)
    if not ratios:
        return [line]
    return [
        replace(line, sku=sku, quantity=ratio * line.quantity, bundle=line.sku, ratio=ratio)
        for sku, ratio in sorted(ratios.items())
    ]


def check_places(
    book: StockBook, lines: Sequence[ReservationLine], reservation: Reservation
) -> None:
    """Every place is known and serves the channel and mode of the reservation.

    Raises SkuUnknown, LocationUnknown, GroupUnknown, GroupNotEligible.
    """
    for number, line in enumerate(lines):
        field = f"lines[{number}]"
        for part in components(book, reservation.tenant, line):
            place = part.place(reservation.tenant)
            if isinstance(place, StockKey):
                book.position(place, field)
            elif not book.group(place, field).serves(reservation.channel, reservation.mode):
                raise GroupNotEligible(place.group, f"{field}.group")


def check_expected(book: StockBook, expected: Sequence[ExpectedPosition]) -> None:
    """Stock is where the caller planned it. Raises PositionMoved, SkuUnknown, LocationUnknown."""
    for number, known in enumerate(expected):
        position = book.position(known.key, f"expected_positions[{number}]")
        if position.position != known.position:
            key = known.key
            raise PositionMoved(key.sku, key.location, known.position, position.position)


@dataclass
class _Taking:
    """Decides what each line gets; adds to the demand what it takes."""

    book: StockBook
    wanted: Reservation
    demand: Demand
    drawing: Drawing

    def lines(self, parts: Sequence[ReservationLine], how: ReserveMode) -> list[ReservationLine]:
        if how is ReserveMode.ATOMIC:
            shorts = self._short_of(parts)
            if shorts:
                raise InsufficientStock(self.wanted.tenant, shorts)
            return [self._taken(part) for part in parts]
        taken = self._each(parts, how)
        if not any(line.quantity for line in taken):
            raise InsufficientStock(self.wanted.tenant, [self._short(line) for line in parts])
        return taken

    def _each(self, parts: Sequence[ReservationLine], how: ReserveMode) -> list[ReservationLine]:
        taken: list[ReservationLine] = []
        for line_id in dict.fromkeys(part.line_id for part in parts):
            line = [part for part in parts if part.line_id == line_id]
            # A bundle is worth nothing in part: it is never filled up later.
            if how is ReserveMode.FILL_OR_PEG and not line[0].bundle:
                taken += [self._filled(part) for part in line]
            else:
                taken += self._whole(line)
        return taken

    def _whole(self, line: Sequence[ReservationLine]) -> list[ReservationLine]:
        if not self._short_of(line) and all(self._channel_has(part) for part in line):
            return [self._taken(part) for part in line]
        return [replace(part, quantity=0, short=part.quantity) for part in line]

    def _filled(self, line: ReservationLine) -> ReservationLine:
        place = line.place(self.wanted.tenant)
        on_hand = min(line.quantity, self._room().of(place), self._channel_room(line))
        draws = self._taken(replace(line, quantity=on_hand)).draws
        left = line.quantity - on_hand
        pegs, below = self._later(place, left, line)
        pegged = sum(item.quantity for item in pegs)
        return replace(
            line,
            quantity=on_hand + pegged + below,
            pegged=pegged,
            pegs=tuple(pegs),
            backordered=below,
            short=left - pegged - below,
            draws=draws,
        )

    def _later(self, place: Place, left: int, line: ReservationLine) -> tuple[list[Peg], int]:
        if isinstance(place, GroupKey) or not left:
            return [], 0
        # Lines of one SKU in one call must not be promised the same supply twice.
        supply = self.book.supply_of(place)
        pegs = peg(supply, left, line.need_by, self.demand.pegs)
        for item in pegs:
            self.demand.pegs[item.supply_line_id] = (
                self.demand.pegs.get(item.supply_line_id, 0) + item.quantity
            )
        left -= sum(item.quantity for item in pegs)
        below = min(left, self._room().below_zero(place))
        self.demand.add(place, below)
        return pegs, below

    def _taken(self, line: ReservationLine) -> ReservationLine:
        place = line.place(self.wanted.tenant)
        draws = self.drawing.take(place, line.quantity, self.demand)
        self.demand.add(place, line.quantity)
        return replace(line, draws=draws) if draws else line

    def _channel_room(self, line: ReservationLine) -> int:
        room = self.drawing.room(line.place(self.wanted.tenant), self.demand)
        return line.quantity if room is None else room

    def _channel_has(self, line: ReservationLine) -> bool:
        return self._channel_room(line) >= line.quantity

    def _short_of(self, parts: Sequence[ReservationLine]) -> list[Short]:
        """The places where the lines together ask for more than there is room."""
        shorts = []
        demand = self.demand.copy()
        sums = summed((part.place(self.wanted.tenant), part.quantity) for part in parts)
        for place, quantity in sums.items():
            room = Room(self.book, demand, self.wanted.mode).of(place)
            if quantity > room:
                shorts.append(short_at(place, quantity, room))
            else:
                demand.add(place, quantity)
        return shorts

    def _short(self, line: ReservationLine) -> Short:
        place = line.place(self.wanted.tenant)
        return short_at(place, line.quantity, self._room().of(place))

    def _room(self) -> Room:
        return Room(self.book, self.demand, self.wanted.mode)


def short_at(place: Place, quantity: int, room: int) -> Short:
    """A place with less room than was asked for."""
    if isinstance(place, GroupKey):
        return Short(place.sku, "", quantity, room, place.group)
    return Short(place.sku, place.location, quantity, room)


def _check_line_ids(wanted: Reservation) -> None:
    seen: set[str] = set()
    violations = []
    for number, line in enumerate(wanted.lines):
        if line.line_id in seen:
            told = "names an earlier line too"
            violations.append(FieldViolation(f"lines[{number}].line_id", told, "unique"))
        seen.add(line.line_id)
    if violations:
        raise ValidationFailed(violations)
