"""The steps of supply. Each checks everything before it changes anything.

A receipt is one act: the line closes, the stock comes in, and who waited for it gets it. In two
calls the units would count twice, or not at all, in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tandem_core.errors import NotFound

from tandem_inventory_availability.domain.reservation import LIVE, Reservation
from tandem_inventory_availability.domain.reservation_line import Peg, ReservationLine
from tandem_inventory_availability.domain.stock_book import BookedLine, StockBook
from tandem_inventory_availability.domain.stock_position import Bucket, Movement
from tandem_inventory_availability.domain.supply_errors import SupplyLineFixed, SupplyLineState
from tandem_inventory_availability.domain.supply_line import (
    REDATED_BY,
    SupplyKind,
    SupplyLine,
    SupplyState,
    overdue,
)

SUPPLY_RECEIPT = "SUPPLY_RECEIPT"
RECEIVED = "SUPPLY_RECEIVED"
SHORT = "SHORT"


@dataclass(frozen=True)
class Receipt:
    """Units of a supply line that came. ``reference`` names the receipt: it has one effect.

    With ``by_source`` the location's source reports the goods itself, so only claims move here.
    ``close`` gives up what did not come.
    """

    tenant: str
    supply_line_id: str
    reference: str
    quantity: int
    bucket: Bucket = Bucket.SELLABLE
    by_source: bool = False
    close: bool = False
    received_at: datetime | None = None


def upsert(book: StockBook, wanted: Sequence[SupplyLine]) -> list[SupplyLine]:
    """Makes lines or changes what is told of them.

    Raises SkuUnknown, LocationUnknown, SupplyLineFixed, SupplyLineState.
    """
    for number, line in enumerate(wanted):
        book.position(line.key, f"lines[{number}]")
        _check_change(book.supply.get((line.key.tenant, line.id)), line, number)
    return [_put(book, line).snapshot() for line in wanted]


def _check_change(old: SupplyLine | None, line: SupplyLine, number: int) -> None:
    if line.kind is SupplyKind.TRANSFER:
        raise SupplyLineFixed(line.id, f"lines[{number}].kind")
    if old is None:
        return
    for field in ("key", "kind"):
        if getattr(old, field) != getattr(line, field):
            raise SupplyLineFixed(line.id, f"lines[{number}].{field}")
    if old.state is not SupplyState.OPEN:
        raise SupplyLineState(line.id, old.state.value)


def _put(book: StockBook, line: SupplyLine) -> SupplyLine:
    old = book.supply.get((line.key.tenant, line.id))
    if old is None:
        book.supply[line.key.tenant, line.id] = old = replace(line)
        cause, same = "PLANNED", False
    else:
        cause = "REDATED" if old.eta != line.eta else "CHANGED"
        same = _told(old) == _told(line)
        old.open, old.eta, old.confidence = line.open, line.eta, line.confidence
        old.promiseable, old.external_ref = line.promiseable, line.external_ref
    if old.eta > book.now:
        old.overdue_at = None
    old.judged(book.policy(line.key.tenant), book.now)
    if not same:
        book.supply_step(old, cause)
    _drop_pegs(book, old, max(0, old.pegged - old.pegged_expired - old.counted))
    return old


def _told(line: SupplyLine) -> tuple[object, ...]:
    return line.open, line.eta, line.confidence, line.promiseable, line.external_ref


def receive(book: StockBook, receipt: Receipt) -> SupplyLine:
    """Books units that came and gives them to who waited. Again under one reference: no effect.

    Raises NotFound, SupplyLineState, QuantityOutOfRange.
    """
    line = _line(book, receipt.tenant, receipt.supply_line_id)
    if line.kind is SupplyKind.TRANSFER:
        raise SupplyLineState(line.id, line.kind.value)
    once = BookedLine(receipt.tenant, SUPPLY_RECEIPT, receipt.reference, line.id)
    if once in book.booked:
        return line.snapshot()
    if line.state is not SupplyState.OPEN:
        raise SupplyLineState(line.id, line.state.value)
    book.positions[line.key].check_range(receipt.quantity)
    book.book_once(once)
    take_in(book, line, receipt)
    return line.snapshot()


def take_in(book: StockBook, line: SupplyLine, receipt: Receipt) -> None:
    """Stock in, line down, claims over; in this order, so that claims meet stock that is there."""
    if receipt.quantity and not receipt.by_source:
        movement = Movement(
            Bucket.OUTSIDE,
            receipt.bucket,
            receipt.quantity,
            "RECEIPT",
            receipt.reference,
            receipt.received_at or book.now,
            local=True,
        )
        book.change(line.key).book(movement)
    line.open = 0 if receipt.close else max(0, line.open - receipt.quantity)
    line.received += receipt.quantity
    if receipt.bucket is Bucket.SELLABLE:
        _fulfil(book, line, receipt.quantity)
    if not line.open:
        line.state = SupplyState.RECEIVED
    book.supply_step(line, "RECEIVED")
    _drop_pegs(book, line, max(0, line.pegged - line.pegged_expired - line.counted))


def cancel(book: StockBook, tenant: str, supply_line_id: str) -> SupplyLine:
    """Nothing will come; who waited for it is short.

    Raises NotFound, SupplyLineState.
    """
    line = _line(book, tenant, supply_line_id)
    if line.state is SupplyState.CANCELLED:
        return line.snapshot()
    if line.state is not SupplyState.OPEN or line.kind is SupplyKind.TRANSFER:
        raise SupplyLineState(line.id, line.state.value)
    line.open, line.state = 0, SupplyState.CANCELLED
    book.supply_step(line, "CANCELLED")
    _drop_pegs(book, line, line.pegged - line.pegged_expired)
    return line.snapshot()


def _line(book: StockBook, tenant: str, supply_line_id: str) -> SupplyLine:
    found = book.supply.get((tenant, supply_line_id))
    if found is None:
        raise NotFound("supply line", supply_line_id)
    return found


def _fulfil(book: StockBook, line: SupplyLine, units: int) -> None:
    """Units that wait for the line are claimed on hand instead, the first promise first."""
    for reservation in _waiting(book, line):
        taken = min(units, _pegged(reservation, line))
        if taken:
            _swap(book, reservation, _with_fewer_pegs(reservation, line, taken), RECEIVED)
            units -= taken


def _drop_pegs(book: StockBook, line: SupplyLine, units: int) -> None:
    """Units nothing comes for any more are short, the last promise first."""
    for reservation in reversed(_waiting(book, line)):
        lost = min(units, _pegged(reservation, line))
        if lost:
            lines = _with_fewer_pegs(reservation, line, lost, short=True)
            _swap(book, reservation, lines, SHORT)
            units -= lost


def _swap(
    book: StockBook, reservation: Reservation, lines: Sequence[ReservationLine], cause: str
) -> None:
    """Puts changed lines in place; only their own places are locked, so only those change."""
    for old, new in zip(reservation.lines, lines, strict=True):
        if old is new:
            continue
        place = old.place(reservation.tenant)
        book.claim(place, new.on_hand - old.on_hand, soft=reservation.soft)
        for peg, sign in [*((peg, -1) for peg in old.pegs), *((peg, 1) for peg in new.pegs)]:
            book.peg(reservation.tenant, peg.supply_line_id, sign * peg.quantity)
    book.step(reservation.with_lines(lines), cause)


def _waiting(book: StockBook, line: SupplyLine) -> list[Reservation]:
    """Live reservations that wait for it: accepted ones before holds, then by need and age."""

    def order(reservation: Reservation) -> tuple[bool, bool, datetime, datetime, str]:
        needs = [x.need_by for x in reservation.lines if x.need_by and _units(x, line.id)]
        need_by = min(needs, default=reservation.created_at)
        return reservation.soft, not needs, need_by, reservation.created_at, reservation.id

    live = (
        reservation
        for (tenant, _), reservation in book.reservations.items()
        if tenant == line.key.tenant
        and reservation.state in LIVE
        and not reservation.expired(book.now)
        and _pegged(reservation, line)
    )
    return sorted(live, key=order)


def _pegged(reservation: Reservation, line: SupplyLine) -> int:
    return sum(_units(each, line.id) for each in reservation.lines)


def _units(line: ReservationLine, supply_line_id: str) -> int:
    return sum(peg.quantity for peg in line.pegs if peg.supply_line_id == supply_line_id)


def _with_fewer_pegs(
    reservation: Reservation, supply: SupplyLine, units: int, *, short: bool = False
) -> list[ReservationLine]:
    """Lines with that many units taken off their pegs on the supply line, the first line first."""
    lines = []
    for line in reservation.lines:
        off = min(units, _units(line, supply.id))
        units -= off
        lines.append(unpeg(line, supply.id, off, short=short) if off else line)
    return lines


def unpeg(
    line: ReservationLine, supply_line_id: str, units: int, *, short: bool
) -> ReservationLine:
    """The line with that many units less waiting for a supply line; they claim the shelf then, or
    are short."""
    pegs: list[Peg] = []
    left = units
    for peg in line.pegs:
        off = min(left, peg.quantity) if peg.supply_line_id == supply_line_id else 0
        left -= off
        if peg.quantity > off:
            pegs.append(Peg(peg.supply_line_id, peg.quantity - off))
    fewer = replace(line, pegs=tuple(pegs), pegged=line.pegged - units)
    if not short:
        return fewer
    return replace(fewer, released=fewer.released + units, short=fewer.short + units)


def tell_overdue(book: StockBook, tenant: str, ids: Sequence[str]) -> list[SupplyLine]:
    """Tells once that lines are overdue, and each time they are expected later again.

    Supply nothing is expected of any more leaves who waited for it short.
    """
    found = [book.supply[tenant, line_id] for line_id in ids if (tenant, line_id) in book.supply]
    late = [line for line in found if _tells(book, line)]
    for line in late:
        first, line.overdue_at = line.overdue_at is None, book.now
        book.supply_step(line, "OVERDUE" if first else "REDATED")
        _drop_pegs(book, line, max(0, line.pegged - line.pegged_expired - line.counted))
    return [line.snapshot() for line in late]


def _tells(book: StockBook, line: SupplyLine) -> bool:
    rule = book.policy(line.key.tenant).supply_rule(line.key.sku, line.key.location, book.now)
    if not overdue(line, rule, book.now):
        return False
    return line.overdue_at is None or line.overdue_at + REDATED_BY <= book.now
