"""Moves of stock that we are told of by sales and returns, not by the source of the stock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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


class Disposition(StrEnum):
    """What becomes of returned units."""

    RESTOCK = "RESTOCK"
    SCRAP = "SCRAP"
    QUARANTINE = "QUARANTINE"
    KEEP = "KEEP"


# Scrapped goods and those the customer keeps never enter our stock, so nothing moves.
_RETURN_BUCKETS = {
    Disposition.RESTOCK: Bucket.SELLABLE,
    Disposition.QUARANTINE: Bucket.QUALITY_HOLD,
}


@dataclass(frozen=True)
class SoldLine:
    """Units of one position on a receipt."""

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


def apply_disposition(
    book: StockBook, return_ref: str, decided_at: datetime, lines: Sequence[ReturnedLine]
) -> list[StockPosition]:
    """Books returned goods, each line of a return once.

    Raises SkuUnknown, LocationUnknown, QuantityOutOfRange.
    """
    _check(book, [(line.key, line.quantity) for line in lines])
    for line in lines:
        fresh = book.book_once(BookedLine(line.key.tenant, RETURN, return_ref, line.line_id))
        bucket = _RETURN_BUCKETS.get(line.disposition)
        if not fresh or bucket is None:
            continue
        movement = Movement(
            Bucket.OUTSIDE, bucket, line.quantity, RETURN, return_ref, decided_at, local=True
        )
        book.change(line.key).book(movement)
    return _touched(book, [line.key for line in lines])


def _check(book: StockBook, changes: Sequence[tuple[StockKey, int]]) -> None:
    for number, (key, _) in enumerate(changes):
        book.position(key, f"lines[{number}]")
    for key, change in summed(changes).items():
        book.positions[key].check_range(change)


def _touched(book: StockBook, keys: Sequence[StockKey]) -> list[StockPosition]:
    return [book.positions[key].snapshot() for key in dict.fromkeys(keys)]
