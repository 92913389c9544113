"""Writes the claims of a reservation into the rows of places, and takes them out again."""

from __future__ import annotations

from collections.abc import Mapping

from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_line import LineKey
from tandem_inventory_availability.domain.stock_book import StockBook


def claim(book: StockBook, reservation: Reservation) -> Reservation:
    """Claims all its open units; the room for them was checked before."""
    _move(book, reservation, 1)
    return reservation


def unclaim(book: StockBook, reservation: Reservation) -> None:
    """Takes all its open units out."""
    _move(book, reservation, -1)


def replaced(book: StockBook, old: Reservation, new: Reservation, cause: str) -> Reservation:
    """Puts the claims of the new value in place of those of the old one, and tells why."""
    unclaim(book, old)
    claim(book, new)
    return book.step(new, cause)


def take_back(
    book: StockBook, reservation: Reservation, quantities: Mapping[LineKey, int], cause: str
) -> Reservation:
    """Gives units back."""
    return replaced(book, reservation, reservation.released(quantities), cause)


def _move(book: StockBook, reservation: Reservation, sign: int) -> None:
    for place, quantity in reservation.claimed().items():
        book.claim(place, sign * quantity, soft=reservation.soft)
    for key, quantity in reservation.backordered().items():
        book.change(key).backordered += sign * quantity
    for line in reservation.lines:
        for peg in line.pegs:
            book.peg(reservation.tenant, peg.supply_line_id, sign * peg.quantity)
        plan = book.plan_of(line.place(reservation.tenant)) if line.draws else None
        if plan is not None:
            moved = plan.taking if sign > 0 else plan.giving
            book.put_plan(moved(reservation.channel, line.draws))
