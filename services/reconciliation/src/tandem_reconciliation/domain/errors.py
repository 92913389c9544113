"""What can be wrong with a call to reconciliation.

DomainError
├── CheckpointUnknown   CHECKPOINT_UNKNOWN   there is no such comparison
├── UnsupportedEnum     UNSUPPORTED_ENUM     a value newer than this service
└── PayloadUnreadable   PAYLOAD_UNREADABLE   an event that is not what it says
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class CheckpointUnknown(DomainError):
    """There is no such checkpoint."""

    reason: ClassVar[str] = "CHECKPOINT_UNKNOWN"
    checkpoint: str


@dataclass(eq=False)
class UnsupportedEnum(DomainError):
    """A value newer than this service, where a comparison depends on it."""

    reason: ClassVar[str] = "UNSUPPORTED_ENUM"
    field: str
    value: int


@dataclass(eq=False)
class PayloadUnreadable(DomainError):
    """An event that cannot be read as its stated type."""

    reason: ClassVar[str] = "PAYLOAD_UNREADABLE"
    event_type: str
