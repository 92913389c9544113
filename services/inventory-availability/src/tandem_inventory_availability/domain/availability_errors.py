"""What can be wrong with a question about availability.

DomainError
├── AvailabilityStale  AVAILABILITY_STALE
├── WatchLimit         WATCH_LIMIT
├── WatchToken         WATCH_TOKEN
└── WatchTooSlow       WATCH_TOO_SLOW
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class AvailabilityStale(DomainError):
    """A source is silent for longer than the caller accepts; -1 when it never reported."""

    reason: ClassVar[str] = "AVAILABILITY_STALE"
    sku: str
    location: str
    lag_ms: int


@dataclass(eq=False)
class WatchLimit(DomainError):
    """As many streams are watched as are allowed."""

    reason: ClassVar[str] = "WATCH_LIMIT"
    watchers_max: int


class WatchToken(DomainError):
    """The token does not name a place this stream can go on from."""

    reason: ClassVar[str] = "WATCH_TOKEN"


@dataclass(eq=False)
class WatchTooSlow(DomainError):
    """The stream was read too slowly; ``resume_token`` is of the last message that was sent."""

    reason: ClassVar[str] = "WATCH_TOO_SLOW"
    resume_token: str = ""
