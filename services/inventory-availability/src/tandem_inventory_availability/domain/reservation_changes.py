"""What happens to a reservation before its goods leave: confirmed, released, extended, amended,
pinned to locations, given to another owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from tandem_inventory_availability.domain.claiming import replaced, take_back
from tandem_inventory_availability.domain.drawing import Drawing
from tandem_inventory_availability.domain.errors import (
    GroupNotEligible,
    HoldLimitReached,
    InsufficientStock,
    OwnerBusy,
    ReservationChanged,
    ReservationLineNotOpen,
    ReservationStateWrong,
)
from tandem_inventory_availability.domain.reservation import (
    LIVE,
    OwnerKey,
    Reservation,
    ReservationState,
    summed,
)
from tandem_inventory_availability.domain.reservation_line import (
    GroupKey,
    LineKey,
    LineQuantity,
    Place,
    ReservationLine,
    chosen,
    parted,
)
from tandem_inventory_availability.domain.reserving import check_places, components, short_at
from tandem_inventory_availability.domain.room import Demand, Floor, Room
from tandem_inventory_availability.domain.stock_book import StockBook


@dataclass(frozen=True)
class AmendedLine:
    """Units more (or fewer, when negative) of a line; SKU and place only for a new one."""

    line_id: str
    delta: int
    sku: str = ""
    location: str = ""
    group: str = ""


@dataclass(frozen=True)
class Pin:
    """Units of a line for a location, from the group or from another location."""

    line_id: str
    quantity: int
    location: str
    from_location: str = ""
    sku: str = ""


def confirm(book: StockBook, tenant: str, reservation_id: str) -> Reservation:
    """Takes the end off a hold; an expired one is acquired again, in full or not at all.

    Raises NotFound, ReservationStateWrong, InsufficientStock.
    """
    reservation = book.reservation(tenant, reservation_id)
    if reservation.state is ReservationState.CONFIRMED:
        return reservation
    confirmed = reservation.confirmed()
    if reservation.state is ReservationState.HELD:
        return replaced(book, reservation, confirmed, "CONFIRMED")
    if reservation.state is not ReservationState.EXPIRED:
        raise ReservationStateWrong(reservation_id, reservation.state.value)
    # The promise was given once: what is kept back for safety may serve it.
    _check_room(book, reservation, reservation.claimed(), Floor.ZERO)
    _check_supply(book, reservation)
    drawing, demand = Drawing(book, reservation.channel), Demand()
    lines = tuple(_drawn(line, reservation, drawing, demand) for line in reservation.lines)
    none = replace(reservation, lines=())
    return replaced(book, none, replace(confirmed, lines=lines), "CONFIRMED")


def release(
    book: StockBook, tenant: str, reservation_id: str, quantities: Sequence[LineQuantity]
) -> Reservation:
    """Gives back units by line, or all that is not shipped when none are named.

    Raises NotFound, ReservationLineNotOpen.
    """
    reservation = book.reservation(tenant, reservation_id)
    if reservation.state is ReservationState.EXPIRED:
        return reservation
    wanted = chosen(reservation.lines, quantities) if quantities else _all_open(reservation)
    if not wanted:
        return reservation
    return take_back(book, reservation, wanted, "RELEASED")


def extend(
    book: StockBook, tenant: str, reservation_id: str, time_to_live: timedelta | None
) -> Reservation:
    """Moves the end of a hold, within the rule of its channel; never to an earlier moment.

    Raises NotFound, ReservationStateWrong, HoldLimitReached.
    """
    reservation = book.reservation(tenant, reservation_id)
    if reservation.state is not ReservationState.HELD or reservation.expires_at is None:
        raise ReservationStateWrong(reservation_id, reservation.state.value)
    rule = book.policy(tenant).hold_rule(reservation.channel, reservation.step, book.now)
    if reservation.extensions >= rule.extensions_max:
        raise HoldLimitReached(reservation_id, "extensions_max")
    last = reservation.created_at + rule.lifetime_max
    ends = min(book.now + (time_to_live or rule.time_to_live), last)
    if ends <= reservation.expires_at:
        if ends == last:
            raise HoldLimitReached(reservation_id, "lifetime_max")
        return reservation
    return book.step(reservation.extended(ends), "EXTENDED")


def amend(
    book: StockBook,
    tenant: str,
    reservation_id: str,
    lines: Sequence[AmendedLine],
    expected_version: int,
) -> Reservation:
    """Changes quantities by difference: what is more is claimed, then what is fewer given back.

    Raises NotFound, ReservationStateWrong, ReservationLineNotOpen, ReservationChanged,
    InsufficientStock, SkuUnknown, LocationUnknown, GroupUnknown, GroupNotEligible.
    """
    reservation = _live(book, tenant, reservation_id, expected_version)
    new = _added(reservation, [line for line in lines if line.delta > 0])
    check_places(book, new, reservation)
    more = [part for line in new for part in components(book, tenant, line)]
    fewer = chosen(
        reservation.lines,
        [LineQuantity(x.line_id, -x.delta, x.location, x.sku) for x in lines if x.delta < 0],
    )
    less = reservation.released(fewer) if fewer else reservation
    demand, drawing = Demand(), Drawing(book, reservation.channel)
    for place, quantity in reservation.claimed().items():
        demand.add(place, less.claimed()[place] - quantity)
    drawing.give(reservation, fewer)
    _check_room(
        book,
        reservation,
        summed((x.place(tenant), x.on_hand) for x in more),
        Floor.SAFETY,
        demand.copy(),
    )
    more = [_drawn(line, reservation, drawing, demand) for line in more]
    amended = replace(
        reservation.with_lines(_merged(less.lines, more)), version=reservation.version + 1
    )
    return replaced(book, reservation, amended, "AMENDED")


def pin(
    book: StockBook,
    tenant: str,
    reservation_id: str,
    pins: Sequence[Pin],
    expected_version: int,
) -> Reservation:
    """Moves units from their group, or from a location, to a location; all pins or none.

    Raises NotFound, ReservationStateWrong, ReservationLineNotOpen, ReservationChanged,
    GroupNotEligible, InsufficientStock, LocationUnknown.
    """
    reservation = _live(book, tenant, reservation_id, expected_version)
    lines = list(reservation.lines)
    wanted: dict[Place, int] = {}
    demand, moved, drawing = Demand(), Demand(), Drawing(book, reservation.channel)
    for number, item in enumerate(pins):
        at = _pinned_from(lines, item)
        target = replace(lines[at], location=item.location, group="").place(tenant)
        _check_member(book, lines[at], item, number, tenant)
        demand.add(lines[at].place(tenant), -item.quantity)
        wanted[target] = wanted.get(target, 0) + item.quantity
        moved.add(lines[at].place(tenant), -item.quantity)
        lines[at : at + 1] = drawing.moved(lines[at], _split(lines[at], item), tenant, moved)
        moved.add(target, item.quantity)
    _check_room(book, reservation, wanted, Floor.SAFETY, demand)
    pinned = reservation.with_lines(_joined(lines))
    return replaced(book, reservation, pinned, "PINNED")


def transfer_owner(
    book: StockBook, tenant: str, reservation_id: str, owner: OwnerKey
) -> Reservation:
    """Gives a live reservation to an owner that holds none.

    Raises NotFound, ReservationStateWrong, OwnerBusy.
    """
    reservation = _live(book, tenant, reservation_id, 0)
    if reservation.owner == owner:
        return reservation
    for held in book.live_of(owner):
        raise OwnerBusy(owner.id, held.id)
    book.disown(reservation)
    return book.step(reservation.owned_by(owner), "TRANSFERRED")


def fill_backorders(book: StockBook, tenant: str, reservation_id: str) -> Reservation:
    """Units promised below zero that stock stands behind now are ordinary claims from here on.

    Raises NotFound.
    """
    reservation = book.reservation(tenant, reservation_id)
    if reservation.state not in LIVE:
        return reservation
    lines = [_backed(book, reservation, line) for line in reservation.lines]
    if lines == list(reservation.lines):
        return reservation
    return replaced(book, reservation, reservation.with_lines(lines), "BACKORDER_FILLED")


def _backed(book: StockBook, reservation: Reservation, line: ReservationLine) -> ReservationLine:
    if not line.backordered:
        return line
    position = book.positions[reservation.key_of(line)]
    backed = min(line.backordered, max(0, position.free + position.backordered))
    return replace(line, backordered=line.backordered - backed)


def _live(book: StockBook, tenant: str, reservation_id: str, expected_version: int) -> Reservation:
    reservation = book.reservation(tenant, reservation_id)
    if expected_version and expected_version != reservation.version:
        raise ReservationChanged(reservation_id, expected_version, reservation.version)
    if reservation.state not in LIVE:
        raise ReservationStateWrong(reservation_id, reservation.state.value)
    return reservation


def _all_open(reservation: Reservation) -> dict[LineKey, int]:
    return {line.key: line.open for line in reservation.lines if line.open}


def _drawn(
    line: ReservationLine, reservation: Reservation, drawing: Drawing, demand: Demand
) -> ReservationLine:
    """The line with its draws. Raises QuotaExhausted."""
    place, quantity = line.place(reservation.tenant), line.on_hand - line.backordered
    # What has left already keeps what it drew.
    kept, _ = line.undrawn(line.open)
    draws = drawing.take(place, quantity, demand)
    demand.add(place, line.on_hand)
    return replace(line, draws=kept + draws)


def _check_room(
    book: StockBook,
    reservation: Reservation,
    wanted: dict[Place, int],
    floor: Floor,
    demand: Demand | None = None,
) -> None:
    demand = demand or Demand()
    shorts = []
    for place, quantity in wanted.items():
        room = Room(book, demand, reservation.mode, floor).of(place)
        if quantity > room:
            shorts.append(short_at(place, quantity, room))
        demand.add(place, quantity)
    if shorts:
        raise InsufficientStock(reservation.tenant, shorts)


def _check_supply(book: StockBook, reservation: Reservation) -> None:
    """An expired hold waits for supply again only while that supply has units left for it."""
    shorts = []
    for line in reservation.lines:
        for peg in line.pegs:
            found = book.supply.get((reservation.tenant, peg.supply_line_id))
            left = found.left if found is not None else 0
            if left < peg.quantity:
                place = line.place(reservation.tenant)
                shorts.append(short_at(place, peg.quantity, left))
    if shorts:
        raise InsufficientStock(reservation.tenant, shorts)


def _added(reservation: Reservation, lines: Sequence[AmendedLine]) -> list[ReservationLine]:
    """What is claimed more, as lines of their own: of a known line, or a new one."""
    added = []
    for line in lines:
        known = [x for x in reservation.lines if x.line_id == line.line_id]
        if known and known[0].bundle:
            parts = [known[0]]
            sku = known[0].bundle
        else:
            parts = [x for x in known if line.location in ("", x.location)]
            sku = parts[0].sku if parts else line.sku
        if not sku:
            raise ReservationLineNotOpen(line.line_id, line.delta, 0)
        location = parts[0].location if parts else line.location
        group = parts[0].group if parts else line.group
        added.append(ReservationLine(line.line_id, sku, location, line.delta, group=group))
    return added


def _merged(
    lines: Sequence[ReservationLine], more: Sequence[ReservationLine]
) -> list[ReservationLine]:
    merged = {line.key: line for line in lines}
    for line in more:
        known = merged.get(line.key)
        merged[line.key] = _more_of(known, line) if known else line
    return list(merged.values())


def _more_of(known: ReservationLine, line: ReservationLine) -> ReservationLine:
    return replace(known, quantity=known.quantity + line.quantity, draws=known.draws + line.draws)


def _pinned_from(lines: Sequence[ReservationLine], item: Pin) -> int:
    for at, line in enumerate(lines):
        if (
            line.line_id == item.line_id
            and line.location == item.from_location
            and item.sku in ("", line.sku)
        ):
            if item.quantity > line.on_hand - line.backordered:
                raise ReservationLineNotOpen(
                    item.line_id, item.quantity, line.on_hand - line.backordered
                )
            return at
    raise ReservationLineNotOpen(item.line_id, item.quantity, 0)


def _check_member(
    book: StockBook, line: ReservationLine, item: Pin, number: int, tenant: str
) -> None:
    field = f"lines[{number}]"
    target = replace(line, location=item.location, group="").place(tenant)
    if line.group:
        group = book.group(GroupKey(tenant, line.sku, line.group), field)
        if item.location not in group.members:
            raise GroupNotEligible(line.group, f"{field}.location")
    if not isinstance(target, GroupKey):
        book.position(target, field)


def _split(line: ReservationLine, item: Pin) -> list[ReservationLine]:
    kept, moved = parted(line.draws, item.quantity)
    pinned = replace(
        line,
        location=item.location,
        group="",
        quantity=item.quantity,
        released=0,
        shipped=0,
        settled=0,
        short=0,
        pegged=0,
        backordered=0,
        pegs=(),
        draws=moved,
    )
    rest = replace(line, quantity=line.quantity - item.quantity, draws=kept)
    return [rest, pinned] if rest.quantity else [replace(pinned, short=line.short)]


def _joined(lines: Sequence[ReservationLine]) -> list[ReservationLine]:
    """Parts of one line that ended at the same place are one part."""
    joined: dict[LineKey, ReservationLine] = {}
    for line in lines:
        known = joined.get(line.key)
        joined[line.key] = _more_of(known, line) if known else line
    return list(joined.values())
