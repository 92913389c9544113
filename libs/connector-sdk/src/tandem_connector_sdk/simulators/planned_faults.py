"""Faults a simulated system commits on demand, each a stated number of times."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

TIMES_MAX = 10_000
SECONDS_MAX = 60

F = TypeVar("F", bound=StrEnum)


@dataclass(slots=True)
class Planned(Generic[F]):
    """A fault for an action (``*`` is any) and how often it will still happen."""

    fault: F
    action: str
    times: int
    seconds: float


class Faults(Generic[F]):
    """Planned faults; each use counts down."""

    def __init__(self) -> None:
        self._planned: list[Planned[F]] = []

    def plan(self, planned: Planned[F]) -> None:
        """Adds a fault."""
        self._planned.append(planned)

    def clear(self) -> None:
        """Forgets all that were planned."""
        self._planned.clear()

    def take(self, fault: F, action: str) -> Planned[F] | None:
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
