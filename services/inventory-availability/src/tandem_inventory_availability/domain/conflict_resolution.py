"""Carries a proposed step out on the locked rows of a batch, checked again on today's stock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tandem_inventory_availability.domain.claiming import replaced
from tandem_inventory_availability.domain.conflict_case import (
    ConflictCase,
    Resolution,
    ResolutionKind,
)
from tandem_inventory_availability.domain.conflict_deficit import worst
from tandem_inventory_availability.domain.conflict_errors import ResolutionGone
from tandem_inventory_availability.domain.errors import InsufficientStock, Short
from tandem_inventory_availability.domain.reservation import LIVE, Reservation
from tandem_inventory_availability.domain.reservation_changes import Pin, pin
from tandem_inventory_availability.domain.reservation_line import Peg, ReservationLine, parted
from tandem_inventory_availability.domain.room import Demand, Floor, Room
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.domain.supplying import unpeg


def act_on(book: StockBook, case: ConflictCase, step: Resolution) -> int:
    """Carries a step out; units still missing after it.

    Raises ResolutionGone, InsufficientStock, and what moving a claim raises.
    """
    act = _ACTS.get(step.kind)
    if act is not None:
        act(book, case, step)
    return missing(book, case)


def missing(book: StockBook, case: ConflictCase) -> int:
    """Units that are promised in the scope of a case and not there now."""
    return worst(book, case.scope.place).units


def _release(book: StockBook, case: ConflictCase, step: Resolution) -> None:
    reservation, line = _claim(book, case, step)
    # The units that are missing and no others: on hand, or waiting for supply that is lost.
    if step.waits_for:
        waiting = unpeg(line, step.waits_for, step.quantity, short=False)
        fewer = replace(waiting, released=line.released + step.quantity)
    else:
        draws, _ = parted(line.draws, step.quantity)
        fewer = replace(line, released=line.released + step.quantity, draws=draws)
    lines = [fewer if x.key == line.key else x for x in reservation.lines]
    replaced(book, reservation, reservation.with_lines(lines), f"CONFLICT_{step.kind.value}")


def _repin(book: StockBook, case: ConflictCase, step: Resolution) -> None:
    _claim(book, case, step)
    source = case.scope.location
    moved = Pin(step.line_id, step.quantity, step.target, source, case.scope.sku)
    pin(book, case.scope.tenant, step.reservation_id, [moved], 0)


def _borrow(book: StockBook, case: ConflictCase, step: Resolution) -> None:
    """Moves units to a location that gives them out of its safety stock."""
    reservation, line = _claim(book, case, step)
    target = StockKey(case.scope.tenant, case.scope.sku, step.target)
    book.position(target, "")
    room = Room(book, Demand(), reservation.mode, Floor.ZERO).of(target)
    if step.quantity > room:
        short = Short(target.sku, target.location, step.quantity, room)
        raise InsufficientStock(target.tenant, [short])
    # What it drew of its channel's part at home goes back; safety stock is no channel's part.
    kept, _ = parted(line.draws, step.quantity)
    there = ReservationLine(
        line.line_id, line.sku, step.target, step.quantity, need_by=line.need_by
    )
    rest = replace(line, quantity=line.quantity - step.quantity, draws=kept)
    known = reservation.line(there.key)
    if known is not None:
        there = replace(known, quantity=known.quantity + step.quantity)
    others = [x for x in reservation.lines if x.key not in (line.key, there.key)]
    lines = [*others, *([rest] if rest.quantity else []), there]
    replaced(book, reservation, reservation.with_lines(lines), "CONFLICT_BORROW_SAFETY")


def _peg(book: StockBook, case: ConflictCase, step: Resolution) -> None:
    """Makes units wait for supply: they claim nothing on the shelf any more."""
    reservation, line = _claim(book, case, step)
    supply = book.supply.get((case.scope.tenant, step.target))
    if supply is None or supply.left < step.quantity:
        raise ResolutionGone(case.id, step.number)
    if step.waits_for:
        freed = unpeg(line, step.waits_for, step.quantity, short=False)
    else:
        freed = replace(line, draws=parted(line.draws, step.quantity)[0])
    waiting = replace(
        freed,
        pegged=freed.pegged + step.quantity,
        pegs=(*freed.pegs, Peg(step.target, step.quantity)),
    )
    lines = [waiting if x.key == line.key else x for x in reservation.lines]
    replaced(book, reservation, reservation.with_lines(lines), "CONFLICT_PEG_TO_SUPPLY")


def _claim(
    book: StockBook, case: ConflictCase, step: Resolution
) -> tuple[Reservation, ReservationLine]:
    """The claim a step works on, as it is today. Raises ResolutionGone when it is not there any
    more, for that many units."""
    found = book.reservations.get((case.scope.tenant, step.reservation_id))
    reservation = book.lapsed(found) if found is not None else None
    if reservation is None or reservation.state not in LIVE:
        raise ResolutionGone(case.id, step.number)
    for line in reservation.lines:
        if line.line_id == step.line_id and _units(case, step, line) >= step.quantity:
            return reservation, line
    raise ResolutionGone(case.id, step.number)


def _units(case: ConflictCase, step: Resolution, line: ReservationLine) -> int:
    """Units of a line a step may work on; -1 when it is another place's line."""
    if line.place(case.scope.tenant) != case.scope.place:
        # A group's quotas are also drawn by units that were pinned to one of its members.
        drawn = bool(case.scope.group) and line.sku == case.scope.sku and bool(line.draws)
        return line.on_hand - line.backordered if drawn else -1
    if step.waits_for:
        return sum(x.quantity for x in line.pegs if x.supply_line_id == step.waits_for)
    return line.on_hand - line.backordered


def _recount(book: StockBook, case: ConflictCase, step: Resolution) -> None:
    place = case.scope.place
    if isinstance(place, StockKey):
        book.ask_for_count(place, f"conflict {case.id}")


# What is not here changes no stock: others act on the event that tells of it.
_ACTS: Mapping[ResolutionKind, Callable[[StockBook, ConflictCase, Resolution], None]] = {
    ResolutionKind.DROP_HOLD: _release,
    ResolutionKind.REPIN: _repin,
    ResolutionKind.BORROW_SAFETY: _borrow,
    ResolutionKind.PEG_TO_SUPPLY: _peg,
    ResolutionKind.RECOUNT: _recount,
    ResolutionKind.CANCEL: _release,
}
