"""The way of a signal: known before, of an old epoch, to be looked at, an echo, or applied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tandem_core.errors import DomainError

from tandem_inventory_availability.domain.errors import SignalConflict, SkuUnknown
from tandem_inventory_availability.domain.figure_changes import apply_count, apply_move, finish
from tandem_inventory_availability.domain.signal_book import SignalBook
from tandem_inventory_availability.domain.signal_checks import (
    check_owner,
    check_range,
    check_suits,
    not_owner,
    review_reason,
)
from tandem_inventory_availability.domain.signal_source import Sequencing
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_feed import FeedKey
from tandem_inventory_availability.domain.stock_position import Bucket, StockPosition
from tandem_inventory_availability.domain.stock_signal import (
    BOOKED,
    SignalKind,
    SignalOutcome,
    SignalResult,
    StockSignal,
    digest,
)


def take_all(book: SignalBook, signals: Sequence[StockSignal]) -> list[SignalResult]:
    """Applies signals; one that is refused leaves the others alone."""
    results = []
    for signal in signals:
        try:
            results.append(take(book, signal))
        except DomainError as error:
            named = error.metadata().get("field", "")
            results.append(SignalResult(SignalOutcome.REFUSED, reason=error.reason, field=named))
    finish(book)
    return results


def take_whole(book: SignalBook, signals: Sequence[StockSignal]) -> None:
    """Applies signals of one report, all of them or an error.

    Raises what `take` raises, and SignalConflict.
    """
    for signal in signals:
        if take(book, signal).outcome is SignalOutcome.CONFLICT:
            raise SignalConflict(signal.source.source, signal.sequence)
    finish(book)


def take(book: SignalBook, signal: StockSignal) -> SignalResult:
    """Applies one signal; call `finish` after the last one of a batch.

    Raises SourceUnknown, SourceNotOwner, SignalUnsuitable, EpochAhead, SkuUnknown, LocationUnknown,
    QuantityOutOfRange; nothing is changed then.
    """
    book.stock.origin = signal.origin
    stream = book.stream_of(signal)
    check_suits(stream, signal)
    signal = stream.ranked(signal)
    position = _position(book, stream, signal)
    if (repeat := _repeat_of(book, stream, signal)) is not None:
        return repeat
    if signal.epoch < stream.epoch:
        return book.only_journal(stream, signal, SignalOutcome.STALE_EPOCH)
    check_owner(stream, signal)
    if position is None:
        return _parked(book, signal, SkuUnknown.reason)
    scale = book.scales.get((signal.key.tenant, signal.key.sku), 0)
    if reason := review_reason(stream, signal, book.now_micros, scale):
        return _parked(book, signal, reason)
    check_range(position, signal)
    if signal.absolute and _is_echo(book, signal):
        return book.only_journal(stream, signal, SignalOutcome.ECHO)
    return _apply(book, stream, signal, position)


def _position(book: SignalBook, stream: SourceStream, signal: StockSignal) -> StockPosition | None:
    """The position; none when its SKU is unknown and the source is lenient."""
    try:
        return book.stock.position(signal.key, signal.place)
    except SkuUnknown:
        if stream.source.lenient:
            return None
        raise


def drop(book: SignalBook, signal: StockSignal) -> None:
    """Journals a signal nobody wants, so that its number is no gap. Raises SourceUnknown."""
    stream = book.stream_of(signal)
    ranked = stream.ranked(signal)
    known = (ranked.source, stream.identity(ranked), ranked.key, ranked.state)
    if known not in book.known:
        book.only_journal(stream, ranked, SignalOutcome.DROPPED)
    finish(book)


def _repeat_of(book: SignalBook, stream: SourceStream, signal: StockSignal) -> SignalResult | None:
    identity = stream.identity(signal)
    content = book.known.get((signal.source, identity, signal.key, signal.state))
    if content is not None:
        same = content == signal.content or content == digest(signal)
        return SignalResult(SignalOutcome.DUPLICATE) if same else _conflict(book, signal)
    first = book.first.get((signal.source, identity)) if stream.numbered else None
    if first is None or first is signal.kind is SignalKind.SNAPSHOT:
        return None
    return _conflict(book, signal)


def _conflict(book: SignalBook, signal: StockSignal) -> SignalResult:
    # The first stands; what came second waits for somebody to say which one is right.
    reason = SignalConflict.reason
    return SignalResult(SignalOutcome.CONFLICT, reason=reason, parked_id=book.park(signal, reason))


def _parked(book: SignalBook, signal: StockSignal, reason: str) -> SignalResult:
    return SignalResult(SignalOutcome.PARKED, reason=reason, parked_id=book.park(signal, reason))


def _is_echo(book: SignalBook, signal: StockSignal) -> bool:
    published = book.published.get((signal.source, signal.key))
    if published is None or signal.state is not Bucket.SELLABLE:
        return False
    token, quantity = published
    return signal.quantity == quantity and signal.token in ("", token)


def _apply(
    book: SignalBook, stream: SourceStream, signal: StockSignal, position: StockPosition
) -> SignalResult:
    if signal.absolute:
        _check_only_owner(book, signal)
    signal = book.note_stream(stream, signal)
    _note_report(book, stream, position, signal)
    if signal.absolute:
        outcome, ambiguous = apply_count(book, stream, signal, position)
    else:
        outcome, ambiguous = apply_move(book, stream, signal)
    booked = position.position if outcome in BOOKED else 0
    return SignalResult(outcome, booked, ambiguous=ambiguous)


def _check_only_owner(book: SignalBook, signal: StockSignal) -> None:
    """Two streams of one owner must not both count a position: their figures would add up."""
    own = book.feeds.get(FeedKey(signal.source, signal.key, signal.state))
    if own is not None and own.base.own:
        return
    if any(book.still_owns(feed) for feed in book.others(signal)):
        raise not_owner(signal)


def _note_report(
    book: SignalBook, stream: SourceStream, position: StockPosition, signal: StockSignal
) -> None:
    at, source = signal.effective_at, stream.source
    if position.source_at is None or position.source_at < at:
        book.stock.change(signal.key).source_at = at
    owner = source.owns_state(signal.key.location, Bucket.SELLABLE)
    if position.stale_at is not None and not owner:
        return
    # A source that cannot say in which order it speaks is never fresh.
    never = source.sequencing is Sequencing.NONE
    stale_at = at + (timedelta(0) if never else source.freshness_slo)
    if position.stale_at is None or position.stale_at < stale_at:
        book.stock.change(signal.key).stale_at = stale_at
