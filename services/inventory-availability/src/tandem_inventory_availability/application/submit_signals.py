"""SubmitSignals and the stock feeds: what sources say of their stock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tandem_inventory_availability.application.ports import SignalTransaction
from tandem_inventory_availability.domain.stock_signal import SignalResult, StockSignal
from tandem_inventory_availability.domain.taking_signals import take_all, take_whole


async def submit_signals(
    transaction: SignalTransaction, signals: Sequence[StockSignal], now: datetime
) -> list[SignalResult]:
    """The outcome of each signal; a refused one leaves the others alone."""
    if not signals:
        return []
    book = await transaction.open(signals, now)
    results = take_all(book, signals)
    await transaction.store(book)
    return results


async def apply_feed(
    transaction: SignalTransaction, signals: Sequence[StockSignal], now: datetime
) -> None:
    """Applies reports of feeds as a whole.

    Raises what `taking_signals.take` raises, and SignalConflict.
    """
    if not signals:
        return
    book = await transaction.open(signals, now)
    take_whole(book, signals)
    await transaction.store(book)
