"""Which signals are not applied: those that do not suit their source, and those to be looked at."""

from __future__ import annotations

from tandem_inventory_availability.domain.errors import QuantityOutOfRange
from tandem_inventory_availability.domain.signal_errors import (
    EpochAhead,
    SignalUnsuitable,
    SourceNotOwner,
)
from tandem_inventory_availability.domain.signal_source import Sequencing
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_position import (
    QUANTITY_MAX,
    Bucket,
    StockPosition,
)
from tandem_inventory_availability.domain.stock_signal import SignalKind, StockSignal

TOO_OLD, IN_THE_FUTURE, WRONG_SCALE = "TOO_OLD", "IN_THE_FUTURE", "WRONG_SCALE"
SIGNAL_QUANTITY_MAX = 2**53
"""More than any shelf holds, and a thousand such still fit into a figure of 64 bits."""


def field_of(signal: StockSignal, name: str) -> str:
    """A field of the signal as the caller named it."""
    return f"{signal.place}.{name}" if signal.place else name


def check_suits(stream: SourceStream, signal: StockSignal) -> None:
    """Raises SignalUnsuitable or EpochAhead when the source cannot have said that."""
    rule, name = _unsuitable(stream, signal)
    if rule:
        raise SignalUnsuitable(signal.source.source, rule, field_of(signal, name))
    if signal.epoch > stream.epoch:
        where = field_of(signal, "epoch")
        raise EpochAhead(signal.source.source, signal.epoch, stream.epoch, where)


def _unsuitable(stream: SourceStream, signal: StockSignal) -> tuple[str, str]:
    source = stream.source
    if source.sequencing is Sequencing.SEQ and signal.sequence < 1 and not signal.absolute:
        return "NEEDS_SEQUENCE", "sequence"
    if source.sequencing is Sequencing.VERSION:
        if not signal.absolute:
            return "FIGURES_ONLY", signal.kind.value.lower()
        if signal.sequence < 1:
            return "NEEDS_VERSION", "sequence"
    if source.includes_picked and Bucket.PICKED in (signal.state, signal.to_state):
        return "PICKED_IS_INCLUDED", "state"
    if Bucket.OUTSIDE in (signal.state, signal.to_state):
        return "OUTSIDE_IS_NO_STATE", "state"
    if signal.state is signal.to_state:
        return "SAME_STATE", "move.to_state"
    return "", ""


def check_owner(stream: SourceStream, signal: StockSignal) -> None:
    """Raises SourceNotOwner when the source may not count that state at that location."""
    if signal.absolute and not stream.source.owns_state(signal.key.location, signal.state):
        raise not_owner(signal)


def not_owner(signal: StockSignal) -> SourceNotOwner:
    """Says that somebody else's count is believed there."""
    where = field_of(signal, signal.kind.value.lower())
    return SourceNotOwner(signal.source.source, signal.key.location, signal.state.value, where)


def check_range(position: StockPosition, signal: StockSignal) -> None:
    """Raises QuantityOutOfRange when a figure would leave what can be counted."""
    quantity = abs(signal.quantity)
    states = (
        [signal.state] if signal.kind is not SignalKind.MOVE else [signal.state, signal.to_state]
    )
    held = max(abs(position.buckets.get(state, 0)) for state in states if state is not None)
    if quantity > SIGNAL_QUANTITY_MAX or held + quantity > QUANTITY_MAX:
        raise QuantityOutOfRange(signal.key.sku, signal.key.location)


def review_reason(stream: SourceStream, signal: StockSignal, now_micros: int, scale: int) -> str:
    """Why somebody has to look at it; empty when nobody has to."""
    if signal.reviewed:
        return ""
    if (untrusted := time_reason(stream, signal, now_micros)) or signal.scale in (None, scale):
        return untrusted
    return WRONG_SCALE


def time_reason(stream: SourceStream, signal: StockSignal, now_micros: int) -> str:
    """Why its time cannot be trusted; empty when it can."""
    horizon, skew = stream.source.lateness_horizon, stream.source.future_skew_max
    late = now_micros - signal.micros
    if horizon is not None and late > horizon.total_seconds() * 1_000_000:
        return TOO_OLD
    if -late > skew.total_seconds() * 1_000_000:
        return IN_THE_FUTURE
    return ""
