"""When a source is asked to send again: first the missing numbers, then a snapshot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

REPLAYS_MAX = 3
"""So often the missing numbers are asked for; then a snapshot is."""
PAUSE_FACTOR_MAX = 64
GAP, EPOCH = "GAP", "EPOCH"


class ResyncKind(StrEnum):
    """What a source is asked for."""

    REPLAY = "REPLAY"
    SNAPSHOT = "SNAPSHOT"


@dataclass(frozen=True)
class ResyncRequest:
    """An open wish to a source. ``first`` and ``last`` are the numbers of a replay, else 0."""

    id: str
    kind: ResyncKind
    first: int
    last: int
    cause: str
    created_at: datetime
    next_at: datetime
    asked_times: int = 0

    def asked(self, now: datetime, pause: timedelta) -> ResyncRequest:
        """After it was asked once more: the pause doubles, and replays give way to a snapshot."""
        times = self.asked_times + 1
        factor = min(PAUSE_FACTOR_MAX, 2 ** min(times, 10))
        given_up = self.kind is ResyncKind.REPLAY and times >= REPLAYS_MAX
        return replace(
            self,
            kind=ResyncKind.SNAPSHOT if given_up else self.kind,
            asked_times=times,
            next_at=now + pause * factor,
        )
