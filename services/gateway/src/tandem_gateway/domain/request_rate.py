"""The generic cell rate algorithm: an even rate with a bounded burst, one number per key."""

from __future__ import annotations

from dataclasses import dataclass

BURST_S = 1.0


@dataclass(frozen=True)
class Rate:
    """Requests a second on average; a second's worth of them may come at once."""

    per_second: float

    def next_arrival(self, theoretical_s: float, now_s: float) -> tuple[float, float]:
        """(new theoretical arrival, seconds to wait); wait > 0 refuses and changes nothing."""
        interval_s = 1.0 / self.per_second
        earliest = max(theoretical_s, now_s) + interval_s
        # The burst holds at least one request, or a rate under one a second would refuse all.
        wait_s = earliest - now_s - max(BURST_S, interval_s)
        # Less than a nanosecond is rounding of the sums above, not haste of the caller.
        if wait_s > 1e-9:
            return theoretical_s, wait_s
        return earliest, 0.0
