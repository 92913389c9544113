"""Moves of stock that we are told of by sales and returns, not by the source of the stock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.errors import BucketEmpty
from tandem_inventory_availability.domain.reservation import summed
from tandem_inventory_availability.domain.stock_book import BookedLine, StockBook
from tandem_inventory_availability.domain.stock_position import (
    Bucket,
    Movement,
    StockKey,
    StockPosition,
)

SALE = "SALE"
RETURN = "RETURN"
RECEIPT = "RETURN_RECEIPT"


class Disposition(StrEnum):
    """What becomes of returned units."""

    RESTOCK = "RESTOCK"
    SCRAP = "SCRAP"
    QUARANTINE = "QUARANTINE"
    KEEP = "KEEP"
    REFURBISH = "REFURBISH"
    DONATE = "DONATE"
    RETURN_TO_VENDOR = "RETURN_TO_VENDOR"
    DAMAGED = "DAMAGED"


# What is not named here leaves the network, or never came back into it.
_RETURN_BUCKETS = {
    Disposition.RESTOCK: Bucket.SELLABLE,
    Disposition.QUARANTINE: Bucket.QUALITY_HOLD,
    Disposition.REFURBISH: Bucket.REFURBISH,
    Disposition.DAMAGED: Bucket.DAMAGED,
}


@dataclass(frozen=True)
class SoldLine:
    """Units of one position on a receipt, of a store or of a return."""

    line_id: str
    key: StockKey
    quantity: int


@dataclass(frozen=True)
class ReturnedLine:
    """Units of one position that came back."""

    line_id: str
    key: StockKey
    quantity: int
    disposition: Disposition
    received: bool = False
    """The units wait in RETURN_PENDING: their receipt was booked."""


def record_sale(
    book: StockBook, sale_ref: str, sold_at: datetime, lines: Sequence[SoldLine]
) -> list[StockPosition]:
    """Takes sold goods out; the customer has them, so it may go below zero.

    Raises SkuUnknown, LocationUnknown, QuantityOutOfRange.
    """
    _check(book, [(line.key, -line.quantity) for line in lines])
    for line in lines:
        if not book.book_once(BookedLine(line.key.tenant, SALE, sale_ref, line.line_id)):
            continue
        movement = Movement(
            Bucket.SELLABLE, Bucket.OUTSIDE, line.quantity, SALE, sale_ref, sold_at, local=True
        )
        book.change(line.key).book(movement)
    return _touched(book, [line.key for line in lines])


def record_return_receipt(
    book: StockBook, return_ref: str, received_at: datetime, lines: Sequence[SoldLine]
) -> list[StockPosition]:
    """Books goods that came back and wait for inspection, each line of a return once.

    Raises SkuUnknown, LocationUnknown, QuantityOutOfRange.
    """
    _check(book, [(line.key, line.quantity) for line in lines])
    ends = (Bucket.OUTSIDE, Bucket.RETURN_PENDING)
    for line in lines:
        if book.book_once(BookedLine(line.key.tenant, RECEIPT, return_ref, line.line_id)):
            movement = Movement(*ends, line.quantity, RECEIPT, return_ref, received_at, local=True)
            book.change(line.key).book(movement)
    return _touched(book, [line.key for line in lines])


def apply_disposition(
    book: StockBook, return_ref: str, decided_at: datetime, lines: Sequence[ReturnedLine]
) -> list[StockPosition]:
    """Books returned goods, each line of a return once.

    Raises SkuUnknown, LocationUnknown, QuantityOutOfRange, BucketEmpty.
    """
    _check(book, [(line.key, line.quantity) for line in lines])
    fresh = [
        line
        for line in lines
        if BookedLine(line.key.tenant, RETURN, return_ref, line.line_id) not in book.booked
    ]
    _check_pending(book, fresh)
    for line in fresh:
        if not book.book_once(BookedLine(line.key.tenant, RETURN, return_ref, line.line_id)):
            continue
        source = Bucket.RETURN_PENDING if line.received else Bucket.OUTSIDE
        target = _RETURN_BUCKETS.get(line.disposition, Bucket.OUTSIDE)
        if source is not target:
            movement = Movement(
                source, target, line.quantity, RETURN, return_ref, decided_at, local=True
            )
            book.change(line.key).book(movement)
    return _touched(book, [line.key for line in lines])


def _check_pending(book: StockBook, lines: Sequence[ReturnedLine]) -> None:
    leaving = summed((line.key, line.quantity) for line in lines if line.received)
    for key, quantity in leaving.items():
        held = book.positions[key].buckets.get(Bucket.RETURN_PENDING, 0)
        if quantity > held:
            raise BucketEmpty(key.sku, key.location, "RETURN_PENDING", quantity, held)


def _check(book: StockBook, changes: Sequence[tuple[StockKey, int]]) -> None:
    for number, (key, _) in enumerate(changes):
        book.position(key, f"lines[{number}]")
    for key, change in summed(changes).items():
        book.positions[key].check_range(change)


def _touched(book: StockBook, keys: Sequence[StockKey]) -> list[StockPosition]:
    return [book.positions[key].snapshot() for key in dict.fromkeys(keys)]
