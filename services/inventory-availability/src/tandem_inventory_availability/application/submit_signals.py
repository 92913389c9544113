"""SubmitSignals and the stock feeds: what sources say of their stock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tandem_inventory_availability.application.ports import StockTransaction
from tandem_inventory_availability.domain.signal_book import take_all, take_whole
from tandem_inventory_availability.domain.stock_signal import SignalResult, StockSignal


async def submit_signals(
    transaction: StockTransaction, signals: Sequence[StockSignal], now: datetime
) -> list[SignalResult]:
    """The outcome of each signal; a refused one leaves the others alone."""
    book = await transaction.open_signals(signals, now)
    results = take_all(book, signals)
    await transaction.store_signals(book)
    return results


async def apply_feed(
    transaction: StockTransaction, signals: Sequence[StockSignal], now: datetime
) -> None:
    """Applies reports of feeds as a whole.

    Raises SkuUnknown, LocationUnknown, QuantityOutOfRange, SignalConflict.
    """
    if not signals:
        return
    book = await transaction.open_signals(signals, now)
    take_whole(book, signals)
    await transaction.store_signals(book)
