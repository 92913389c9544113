"""The steps of a reservation: each checks everything before it changes anything, so a refused
command leaves no trace in the batch it shares with others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_inventory_availability.domain.errors import (
    InsufficientStock,
    ReservationStateWrong,
    Short,
)
from tandem_inventory_availability.domain.reservation import (
    Reservation,
    ReservationState,
    summed,
)
from tandem_inventory_availability.domain.shipment_evidence import EvidenceKey
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

MADE = "MADE"


def reserve(book: StockBook, wanted: Reservation) -> Reservation:
    """Claims all lines or none; what the owner held before is replaced.

    Raises InsufficientStock, SkuUnknown, LocationUnknown, ValidationFailed.
    """
    _check_line_ids(wanted)
    for number, line in enumerate(wanted.lines):
        book.position(wanted.key_of(line), f"lines[{number}]")
    held = book.live_of(wanted.owner)
    # An owner's own hold never stands in its way: it is given back in the same step.
    own = summed(pair for old in held for pair in old.open_by_key().items())
    _check_stock(book, wanted.open_by_key(), own)
    for old in held:
        _give_back(book, old, {line.line_id: line.open for line in old.lines}, "REPLACED")
    _claim(book, wanted, 1)
    return book.step(wanted, MADE)


def confirm(book: StockBook, tenant: str, reservation_id: str) -> Reservation:
    """Takes the end off a hold; an expired one is acquired again.

    Raises NotFound, ReservationStateWrong, InsufficientStock.
    """
    reservation = book.reservation(tenant, reservation_id)
    if reservation.state is ReservationState.CONFIRMED:
        return reservation
    if reservation.state is ReservationState.EXPIRED:
        _check_stock(book, reservation.open_by_key(), {})
    elif reservation.state is ReservationState.HELD:
        _claim(book, reservation, -1)
    else:
        raise ReservationStateWrong(reservation_id, reservation.state.value)
    confirmed = reservation.confirmed()
    _claim(book, confirmed, 1)
    return book.step(confirmed, "CONFIRMED")


def release(
    book: StockBook, tenant: str, reservation_id: str, quantities: Mapping[str, int]
) -> Reservation:
    """Gives back units by line, or all that is not shipped when none are named.

    Raises NotFound, ReservationLineNotOpen.
    """
    reservation = book.reservation(tenant, reservation_id)
    wanted = quantities or {x.line_id: x.open for x in reservation.lines if x.open}
    if reservation.state is ReservationState.EXPIRED or not wanted:
        return reservation
    return _give_back(book, reservation, wanted, "RELEASED")


def ship(
    book: StockBook,
    tenant: str,
    reservation_id: str,
    shipment_ref: str,
    quantities: Mapping[str, int],
) -> Reservation:
    """Marks units as shipped. They stay claimed until their source says that they left.

    Raises NotFound, ReservationLineNotOpen, ReservationStateWrong.
    """
    reservation = book.reservation(tenant, reservation_id).shipped(quantities)
    book.step(reservation, "SHIPPED")
    settled: dict[str, int] = {}
    for line_id, quantity in quantities.items():
        line = reservation.line(line_id)
        if line is None:
            continue
        key = reservation.key_of(line)
        evidence = book.evidence_of(EvidenceKey(shipment_ref, key))
        departed = evidence.ship(reservation.id, line_id, quantity)
        position = book.change(key)
        position.hard -= quantity
        position.unsettled += quantity - departed
        if departed:
            settled[line_id] = departed
    return book.step(reservation.settled(settled), "SETTLED") if settled else reservation


def settle(book: StockBook, key: EvidenceKey, quantity: int) -> None:
    """The source says that units of a shipment left: they are no longer claimed."""
    claims = book.evidence_of(key).evidence(quantity)
    for claim in claims:
        book.change(key.stock).unsettled -= claim.settled
        reservation = book.reservations[key.stock.tenant, claim.reservation_id]
        book.step(reservation.settled({claim.line_id: claim.settled}), "SETTLED")


def _check_line_ids(wanted: Reservation) -> None:
    ids = [line.line_id for line in wanted.lines]
    violations = [
        FieldViolation(f"lines[{number}].line_id", "names an earlier line too", "unique")
        for number, line_id in enumerate(ids)
        if line_id in ids[:number]
    ]
    if violations:
        raise ValidationFailed(violations)


def _check_stock(
    book: StockBook, demand: Mapping[StockKey, int], own: Mapping[StockKey, int]
) -> None:
    shorts = _shorts(book, demand, own)
    if shorts:
        raise InsufficientStock(next(iter(demand)).tenant, shorts)


def _shorts(
    book: StockBook, demand: Mapping[StockKey, int], own: Mapping[StockKey, int]
) -> Sequence[Short]:
    shorts = []
    for key, quantity in demand.items():
        free = book.positions[key].free + own.get(key, 0)
        if quantity > free:
            shorts.append(Short(key.sku, key.location, quantity, max(0, free)))
    return shorts


def _claim(book: StockBook, reservation: Reservation, sign: int) -> None:
    for key, quantity in reservation.open_by_key().items():
        position = book.change(key)
        if reservation.soft:
            position.soft += sign * quantity
        else:
            position.hard += sign * quantity


def _give_back(
    book: StockBook, reservation: Reservation, quantities: Mapping[str, int], cause: str
) -> Reservation:
    released = reservation.released(quantities)
    _claim(book, reservation, -1)
    _claim(book, released, 1)
    return book.step(released, cause)
