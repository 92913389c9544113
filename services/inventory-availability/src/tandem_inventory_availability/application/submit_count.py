"""SubmitCount: a position was counted; what moved since the count stays on top of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_inventory_availability.application.ports import Needs, StockTransaction
from tandem_inventory_availability.domain.stock_operations import count
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey, StockPosition


@dataclass(frozen=True)
class SubmitCount:
    """Units counted at a moment, and why they differ as the counter sees it."""

    key: StockKey
    state: Bucket
    quantity: int
    counted_at: datetime
    reason: str


class CountedStore(Protocol):
    """What a count needs besides the position, in one open transaction."""

    async def moved_since(self, key: StockKey, state: Bucket, at: datetime) -> int:
        """Units that came less those that left after a moment; the position is locked."""
        ...

    async def counted(self, key: StockKey, state: Bucket, now: datetime) -> None:
        """Closes the open request of the position."""
        ...


async def submit_count(
    store: CountedStore, transaction: StockTransaction, wanted: SubmitCount, now: datetime
) -> tuple[StockPosition, int]:
    """The position and what the count added to it.

    Raises SkuUnknown, LocationUnknown, QuantityOutOfRange, ValidationFailed for a future count.
    """
    if wanted.counted_at > now:
        violation = FieldViolation("count_time", "is in the future", "not_in_future")
        raise ValidationFailed([violation])
    key, state = wanted.key, wanted.state
    book = await transaction.open([Needs(keys=(key,))], now)
    book.position(key, "")
    moved = await store.moved_since(key, state, wanted.counted_at)
    counted = (wanted.quantity, moved, wanted.counted_at)
    variance = count(book, key, state, counted, wanted.reason)
    position = book.positions[key].snapshot()
    await store.counted(key, state, now)
    await transaction.store(book)
    return position, variance
