"""Signals and the book they are taken into, for tests without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tandem_inventory_availability.domain.signal_book import SignalBook
from tandem_inventory_availability.domain.signal_source import (
    InstantRule,
    Ownership,
    Sequencing,
    SignalSource,
)
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey, StockPosition
from tandem_inventory_availability.domain.stock_signal import (
    SignalKind,
    SignalResult,
    SourceKey,
    StockSignal,
)
from tandem_inventory_availability.domain.taking_signals import take_all

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
A, B = StockKey("t", "TEE", "DC"), StockKey("t", "CAP", "DC")
WMS, POS, ERP = SourceKey("t", "wms"), SourceKey("t", "pos"), SourceKey("t", "erp")
DELTA, SNAPSHOT = SignalKind.DELTA, SignalKind.SNAPSHOT
MOVE, COUNT = SignalKind.MOVE, SignalKind.COUNT
SELLABLE, DAMAGED = Bucket.SELLABLE, Bucket.DAMAGED
EVERYTHING = (Ownership("*"),)


def said(
    sequence: int,
    kind: SignalKind,
    quantity: int,
    key: StockKey = A,
    reference: str = "",
    **values: Any,
) -> StockSignal:
    """A signal of the warehouse, a second per number after NOW unless told otherwise."""
    at = values.pop("at", NOW + timedelta(seconds=sequence))
    source = values.pop("source", WMS)
    return StockSignal(source, sequence, key, kind, quantity, "", reference, at, **values)


def source(sequencing: Sequencing = Sequencing.SEQ, **values: Any) -> SignalSource:
    """A source that owns everything and has an hour of tolerance for clocks."""
    settings: dict[str, Any] = {
        "owns": EVERYTHING,
        "future_skew_max": timedelta(hours=1),
        "instant_rule": InstantRule.AMBIGUOUS,
        **values,
    }
    return SignalSource("wms", sequencing=sequencing, **settings)


def empty(
    *sources: tuple[SourceKey, SignalSource], keys: Sequence[StockKey] = (A, B)
) -> SignalBook:
    """A book of two positions; without sources the warehouse numbers its signals."""
    stock = StockBook(NOW)
    for key in keys:
        stock.positions[key] = StockPosition(key)
        stock.known_skus.add((key.tenant, key.sku))
    told = sources or ((WMS, source()),)
    return SignalBook(stock, {key: SourceStream(key, one) for key, one in told})


def stand(book: SignalBook) -> list[tuple[int, bool]]:
    """On hand and gap of each position."""
    return [(p.on_hand, p.gap) for p in book.stock.positions.values()]


def buckets(book: SignalBook, key: StockKey = A) -> dict[Bucket, int]:
    """States that hold something."""
    return {state: n for state, n in book.stock.positions[key].buckets.items() if n}


def one(book: SignalBook, signal: StockSignal) -> SignalResult:
    """What became of one signal in a batch of its own."""
    return take_all(book, [signal])[0]


def again(signal: StockSignal, **values: Any) -> StockSignal:
    """The signal with something changed."""
    return replace(signal, **values)
