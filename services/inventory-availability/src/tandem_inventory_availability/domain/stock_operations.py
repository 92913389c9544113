"""Corrections of stock by people: ours to tell, so a later count of the source contains them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tandem_inventory_availability.domain.errors import BucketEmpty, QuantityOutOfRange
from tandem_inventory_availability.domain.signal_errors import QuantityMoved
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import (
    QUANTITY_MAX,
    Bucket,
    Movement,
    StockKey,
    StockPosition,
)

COUNT = "COUNT"


@dataclass(frozen=True)
class Correction:
    """Why stock is corrected, and what it belongs to."""

    reason: str
    reference: str = ""


def move_state(
    book: StockBook, key: StockKey, ends: tuple[Bucket, Bucket], quantity: int, why: Correction
) -> StockPosition:
    """Moves units between states. Raises SkuUnknown, LocationUnknown, BucketEmpty."""
    position = book.position(key, "")
    held = position.buckets.get(ends[0], 0)
    if held < quantity:
        raise BucketEmpty(key.sku, key.location, ends[0].value, quantity, held)
    _book(book, key, ends, quantity, why)
    return position.snapshot()


def adjust(
    book: StockBook, key: StockKey, state: Bucket, delta: int, why: Correction
) -> StockPosition:
    """Adds or removes units. Raises SkuUnknown, LocationUnknown, QuantityOutOfRange."""
    position = book.position(key, "")
    if abs(position.buckets.get(state, 0)) + abs(delta) > QUANTITY_MAX:
        raise QuantityOutOfRange(key.sku, key.location)
    if delta:
        ends = (Bucket.OUTSIDE, state) if delta > 0 else (state, Bucket.OUTSIDE)
        _book(book, key, ends, abs(delta), why)
    return position.snapshot()


def check_expected(book: StockBook, key: StockKey, state: Bucket, expected: int | None) -> None:
    """Raises QuantityMoved when the state holds another figure; SkuUnknown, LocationUnknown."""
    actual = book.position(key, "").buckets.get(state, 0)
    if expected is not None and expected != actual:
        raise QuantityMoved(key.sku, key.location, expected, actual)


def count(
    book: StockBook, key: StockKey, state: Bucket, counted: tuple[int, int, datetime], reason: str
) -> int:
    """Sets a state to what was counted: units, those moved since the count, and its time.

    What was added or removed. Raises SkuUnknown, LocationUnknown, QuantityOutOfRange.
    """
    quantity, moved_since, at = counted
    position = book.position(key, "")
    variance = quantity + moved_since - position.buckets.get(state, 0)
    if abs(quantity) + abs(moved_since) > QUANTITY_MAX:
        raise QuantityOutOfRange(key.sku, key.location)
    if variance:
        ends = (Bucket.OUTSIDE, state) if variance > 0 else (state, Bucket.OUTSIDE)
        moved = Movement(*ends, abs(variance), reason or COUNT, "", at, local=True)
        book.change(key).book(moved)
    return variance


def _book(
    book: StockBook, key: StockKey, ends: tuple[Bucket, Bucket], quantity: int, why: Correction
) -> None:
    moved = Movement(*ends, quantity, why.reason, why.reference, book.now, local=True)
    book.change(key).book(moved)
