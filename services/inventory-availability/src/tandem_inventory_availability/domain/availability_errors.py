"""What can be wrong with a question about availability.

DomainError
└── AvailabilityStale  AVAILABILITY_STALE
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
