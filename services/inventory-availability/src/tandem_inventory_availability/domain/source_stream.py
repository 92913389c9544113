"""One stream of a source: what was seen of it, and how its signals are ranked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from tandem_inventory_availability.domain.sequence_set import SequenceSet
from tandem_inventory_availability.domain.signal_source import (
    InstantRule,
    Sequencing,
    SignalSource,
)
from tandem_inventory_availability.domain.stock_feed import Base
from tandem_inventory_availability.domain.stock_signal import (
    Rank,
    SourceKey,
    StockSignal,
    digest,
)


@dataclass
class SourceStream:
    """``received`` counts the signals of a source without any order of its own; ``version`` the
    events told of the stream; ``stale`` says that its silence was told."""

    key: SourceKey
    source: SignalSource
    epoch: int = 0
    seen: SequenceSet = field(default_factory=SequenceSet)
    received: int = 0
    version: int = 0
    reported_at: datetime | None = None
    stale: bool = False

    @property
    def numbered(self) -> bool:
        """True when missing signals are noticed."""
        return self.source.sequencing is Sequencing.SEQ

    @property
    def numbers(self) -> SequenceSet | None:
        """The numbers seen; none for a source without."""
        return self.seen if self.numbered else None

    def ranked(self, signal: StockSignal) -> StockSignal:
        """The signal with the number and name its source's sequencing gives it; again the same."""
        sequencing = self.source.sequencing
        if sequencing is Sequencing.SEQ:
            return signal if not signal.tie else replace(signal, tie="")
        tie = signal.tie if sequencing is not Sequencing.VERSION else ""
        if sequencing is Sequencing.TIME:
            return replace(signal, sequence=signal.micros, tie=tie or _name(signal))
        if sequencing is Sequencing.VERSION:
            return replace(signal, tie=_name(signal))
        return replace(signal, sequence=0, tie=tie or _name(signal))

    def identity(self, signal: StockSignal) -> Rank:
        """What names a ranked signal: its number, or without a sequence its id or content."""
        if self.numbered:
            return Rank(signal.epoch, signal.sequence)
        return Rank(signal.epoch, -1, signal.tie)

    def maybe_known(self, signal: StockSignal) -> bool:
        """False when nothing can have come before under the name of a ranked signal."""
        current = signal.epoch == self.epoch and self.numbered
        return not current or self.seen.may_contain(signal.sequence)

    def note(self, signal: StockSignal) -> StockSignal:
        """Takes a new signal in; those without any order get the number of their arrival."""
        at = signal.effective_at
        self.reported_at = max(self.reported_at or at, at)
        if self.numbered:
            self.seen.add(signal.sequence)
        elif self.source.sequencing is Sequencing.NONE:
            self.received += 1
            return replace(signal, sequence=self.received)
        return signal

    def own_base(self, signal: StockSignal) -> Base:
        """Where deltas of this stream begin to count after a count of its own."""
        by_time = self.source.sequencing is Sequencing.TIME
        return Base(
            epoch=signal.epoch,
            low=signal.sequence,
            high=signal.sequence,
            tie=signal.tie,
            rule=self.source.instant_rule if by_time else InstantRule.INCLUDED,
            own=True,
        )


def _name(signal: StockSignal) -> str:
    return digest(signal)
