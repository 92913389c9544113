"""Goods on their way between two locations of ours.

They leave sellable stock at the source when they start, and exist there as in transit; only the
destination expects them, by a supply line, so that they are never promised twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_core.errors import FieldViolation, NotFound, ValidationFailed

from tandem_inventory_availability.domain.errors import InsufficientStock, Short
from tandem_inventory_availability.domain.policy_rules import BASIS_POINTS
from tandem_inventory_availability.domain.room import Demand, Floor, Room
from tandem_inventory_availability.domain.stock_book import BookedLine, StockBook
from tandem_inventory_availability.domain.stock_position import Bucket, Movement, StockKey
from tandem_inventory_availability.domain.supply_errors import SupplyLineState, TransferKnown
from tandem_inventory_availability.domain.supply_line import SupplyKind, SupplyLine, SupplyState
from tandem_inventory_availability.domain.supplying import SUPPLY_RECEIPT, Receipt, take_in

TRANSFER = "TRANSFER"
DISCREPANCY = "TRANSFER_DISCREPANCY"


@dataclass(frozen=True)
class TransferLine:
    """Units of a SKU on their way."""

    line_id: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class Transfer:
    """Units that leave ``source`` for ``destination`` and are expected there at ``eta``."""

    tenant: str
    id: str
    source: str
    destination: str
    eta: datetime
    lines: tuple[TransferLine, ...]
    confidence: int = BASIS_POINTS

    def supply_id(self, line: TransferLine) -> str:
        """The supply line of a line at the destination."""
        return supply_id(self.id, line.line_id)


@dataclass(frozen=True)
class Arrival:
    """Units by line id that came under ``reference``; ``close`` gives up what did not."""

    tenant: str
    transfer_id: str
    reference: str
    quantities: Mapping[str, int]
    close: bool
    reason: str
    received_at: datetime | None = None


def supply_id(transfer_id: str, line_id: str) -> str:
    """Id of the supply line a line of a transfer is expected by."""
    return f"{transfer_id}/{line_id}"


def start(book: StockBook, transfer: Transfer) -> list[SupplyLine]:
    """Takes the units out of sellable stock; claimed units do not leave.

    Raises SkuUnknown, LocationUnknown, InsufficientStock, TransferKnown, ValidationFailed.
    """
    _check_lines(transfer)
    known = [book.supply.get((transfer.tenant, transfer.supply_id(x))) for x in transfer.lines]
    if any(known):
        if _same(transfer, known):
            return [line.snapshot() for line in known if line is not None]
        raise TransferKnown(transfer.id)
    for number, line in enumerate(transfer.lines):
        for location in (transfer.source, transfer.destination):
            book.position(StockKey(transfer.tenant, line.sku, location), f"lines[{number}]")
    _check_stock(book, transfer)
    return [_leave(book, transfer, line).snapshot() for line in transfer.lines]


def _check_lines(transfer: Transfer) -> None:
    ids = [line.line_id for line in transfer.lines]
    violations = [
        FieldViolation(f"lines[{number}].line_id", "names an earlier line too", "unique")
        for number, line_id in enumerate(ids)
        if line_id in ids[:number]
    ]
    if transfer.source == transfer.destination:
        violations.append(FieldViolation("to_location", "is where it starts", "differs"))
    if violations:
        raise ValidationFailed(violations)


def _same(transfer: Transfer, known: Sequence[SupplyLine | None]) -> bool:
    wanted = [
        (StockKey(transfer.tenant, line.sku, transfer.destination), transfer.source, line.quantity)
        for line in transfer.lines
    ]
    return wanted == [
        (line.key, line.source_location, line.open + line.received) if line else None
        for line in known
    ]


def _check_stock(book: StockBook, transfer: Transfer) -> None:
    demand: dict[StockKey, int] = {}
    for line in transfer.lines:
        key = StockKey(transfer.tenant, line.sku, transfer.source)
        demand[key] = demand.get(key, 0) + line.quantity
    # What leaves may be safety stock, but nothing that is claimed, here or by a group.
    room = Room(book, Demand(), floor=Floor.ZERO)
    shorts = [
        Short(key.sku, key.location, units, room.of(key))
        for key, units in demand.items()
        if units > room.of(key)
    ]
    if shorts:
        raise InsufficientStock(transfer.tenant, shorts)


def _leave(book: StockBook, transfer: Transfer, line: TransferLine) -> SupplyLine:
    source = StockKey(transfer.tenant, line.sku, transfer.source)
    book.change(source).book(
        Movement(
            Bucket.SELLABLE,
            Bucket.IN_TRANSIT,
            line.quantity,
            TRANSFER,
            transfer.id,
            book.now,
            local=True,
        )
    )
    supply = SupplyLine(
        transfer.supply_id(line),
        StockKey(transfer.tenant, line.sku, transfer.destination),
        SupplyKind.TRANSFER,
        line.quantity,
        transfer.eta,
        transfer.confidence,
        source_location=transfer.source,
        external_ref=transfer.id,
    ).judged(book.policy(transfer.tenant), book.now)
    book.supply[transfer.tenant, supply.id] = supply
    book.supply_step(supply, "PLANNED")
    return supply


def arrive(book: StockBook, arrival: Arrival) -> list[SupplyLine]:
    """Books what came out of transit and in; a line without units is closed when asked for.

    Raises NotFound, SupplyLineState, QuantityOutOfRange.
    """
    lines = [(_open_line(book, arrival, x), units) for x, units in arrival.quantities.items()]
    for line, units in lines:
        book.positions[line.key].check_range(units)
    return [_arrived(book, arrival, line, units).snapshot() for line, units in lines]


def _open_line(book: StockBook, arrival: Arrival, line_id: str) -> SupplyLine:
    found = book.supply.get((arrival.tenant, supply_id(arrival.transfer_id, line_id)))
    if found is None:
        raise NotFound("transfer line", supply_id(arrival.transfer_id, line_id))
    if found.state is not SupplyState.OPEN and _once(arrival, found) not in book.booked:
        raise SupplyLineState(found.id, found.state.value)
    return found


def _once(arrival: Arrival, line: SupplyLine) -> BookedLine:
    return BookedLine(arrival.tenant, SUPPLY_RECEIPT, arrival.reference, line.id)


def _arrived(book: StockBook, arrival: Arrival, line: SupplyLine, units: int) -> SupplyLine:
    if not book.book_once(_once(arrival, line)):
        return line
    expected = line.open
    lost = max(0, expected - units) if arrival.close else 0
    _out_of_transit(book, line, min(units, expected), arrival, TRANSFER)
    _out_of_transit(book, line, lost, arrival, DISCREPANCY)
    take_in(
        book,
        line,
        Receipt(
            arrival.tenant,
            line.id,
            arrival.reference,
            units,
            close=arrival.close,
            received_at=arrival.received_at,
        ),
    )
    if lost or units > expected:
        book.supply_step(line, DISCREPANCY, units - expected, arrival.reason)
    return line


def _out_of_transit(
    book: StockBook, line: SupplyLine, units: int, arrival: Arrival, cause: str
) -> None:
    if units:
        source = StockKey(line.key.tenant, line.key.sku, line.source_location)
        at = arrival.received_at or book.now
        book.change(source).book(
            Movement(Bucket.IN_TRANSIT, Bucket.OUTSIDE, units, cause, arrival.transfer_id, at)
        )
