"""Units that leave: they stay claimed until their source says that they are gone."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_inventory_availability.domain.claiming import replaced
from tandem_inventory_availability.domain.errors import ReservationLineNotOpen
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_line import (
    LineKey,
    LineQuantity,
    ReservationLine,
    chosen,
)
from tandem_inventory_availability.domain.shipment_evidence import EvidenceKey
from tandem_inventory_availability.domain.stock_book import StockBook


def ship(
    book: StockBook,
    tenant: str,
    reservation_id: str,
    shipment_ref: str,
    quantities: Sequence[LineQuantity],
) -> Reservation:
    """Marks units as shipped. They stay claimed until their source says that they left.

    Raises NotFound, ReservationLineNotOpen, ReservationStateWrong.
    """
    before = book.reservation(tenant, reservation_id)
    units = chosen([line for line in before.lines if line.location], quantities)
    for line in before.lines:
        _check_can_leave(line, units.get(line.key, 0))
    shipped = replaced(book, before, before.shipped(units), "SHIPPED")
    settled: dict[LineKey, int] = {}
    for key, quantity in units.items():
        departed = _claim_departure(book, shipped, shipment_ref, key, quantity)
        if departed:
            settled[key] = departed
    return book.step(shipped.settled(settled), "SETTLED") if settled else shipped


def settle(book: StockBook, key: EvidenceKey, quantity: int) -> None:
    """The source says that units of a shipment left: they are no longer claimed."""
    claims = book.evidence_of(key).evidence(quantity)
    for claim in claims:
        book.change(key.stock).unsettled -= claim.settled
        reservation = book.reservations[key.stock.tenant, claim.reservation_id]
        line = LineKey(claim.line_id, key.stock.sku, key.stock.location, "")
        book.step(reservation.settled({line: claim.settled}), "SETTLED")


def reverse_shipment(
    book: StockBook,
    tenant: str,
    reservation_id: str,
    shipment_ref: str,
    quantities: Sequence[LineQuantity],
) -> Reservation:
    """Takes back a shipment that was told by mistake: units are claimed again and not shipped.

    Raises NotFound, ReservationLineNotOpen for units that left, or were not in the shipment.
    """
    before = book.reservation(tenant, reservation_id)
    units: dict[LineKey, int] = {}
    for wanted in quantities:
        line = _shipped_line(before, wanted)
        units[line.key] = units.get(line.key, 0) + wanted.quantity
    for key, quantity in units.items():
        evidence = EvidenceKey(shipment_ref, before.key_of_line(key))
        known = book.evidence.get(evidence)
        left = known.reversible(before.id, key.line_id) if known else 0
        if quantity > left:
            raise ReservationLineNotOpen(key.line_id, quantity, left)
    for key, quantity in units.items():
        stock = before.key_of_line(key)
        book.evidence_of(EvidenceKey(shipment_ref, stock)).reverse(before.id, key.line_id, quantity)
        book.change(stock).unsettled -= quantity
    return replaced(book, before, before.unshipped(units), "SHIPMENT_REVERSED")


def _shipped_line(reservation: Reservation, wanted: LineQuantity) -> ReservationLine:
    for line in reservation.lines:
        at = wanted.location in ("", line.location) and wanted.sku in ("", line.sku)
        if line.line_id == wanted.line_id and at and line.shipped - line.settled > 0:
            return line
    raise ReservationLineNotOpen(wanted.line_id, wanted.quantity, 0)


def _check_can_leave(line: ReservationLine, quantity: int) -> None:
    # Units that wait for supply are nowhere yet: they cannot have left.
    if quantity > line.on_hand:
        raise ReservationLineNotOpen(line.line_id, quantity, line.on_hand)


def _claim_departure(
    book: StockBook, reservation: Reservation, shipment_ref: str, key: LineKey, quantity: int
) -> int:
    stock = reservation.key_of_line(key)
    evidence = book.evidence_of(EvidenceKey(shipment_ref, stock))
    departed = evidence.ship(reservation.id, key.line_id, quantity)
    book.change(stock).unsettled += quantity - departed
    return departed
