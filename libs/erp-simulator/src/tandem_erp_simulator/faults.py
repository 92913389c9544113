"""Faults the ERP commits on demand, each a stated number of times."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TIMES_MAX = 10_000
SECONDS_MAX = 60


class Fault(StrEnum):
    """What goes wrong."""

    LOSE_REPLY = "lose_reply"
    """Done and committed, the answer never arrives."""
    RATE_LIMIT = "rate_limit"
    """429 with Retry-After, nothing is done."""
    MAINTENANCE = "maintenance"
    """503, nothing is done."""
    SERVER_ERROR = "server_error"
    """500, nothing is done; the caller cannot know that."""
    DELAY = "delay"
    """The answer waits ``seconds``."""


@dataclass(slots=True)
class Planned:
    """A fault for an action (``*`` is any) and how often it will still happen."""

    fault: Fault
    action: str
    times: int
    seconds: float


class Faults:
    """Planned faults; each use counts down."""

    def __init__(self) -> None:
        self._planned: list[Planned] = []

    def plan(self, planned: Planned) -> None:
        """Adds a fault."""
        self._planned.append(planned)

    def clear(self) -> None:
        """Forgets all that were planned."""
        self._planned.clear()

    def take(self, fault: Fault, action: str) -> Planned | None:
        """The fault if it is planned for this action now, counted down."""
        for planned in self._planned:
            if planned.fault is fault and planned.action in (action, "*") and planned.times > 0:
                planned.times -= 1
                return planned
        return None

    def shown(self) -> list[dict[str, object]]:
        """What is still to come."""
        return [
            {"fault": p.fault, "action": p.action, "times": p.times, "seconds": p.seconds}
            for p in self._planned
            if p.times > 0
        ]
