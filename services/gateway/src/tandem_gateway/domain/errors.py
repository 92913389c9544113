"""Errors of the outer door.

DomainError
├── CredentialsRefused     UNAUTHENTICATED
├── ScopeUnknown           SCOPE_UNKNOWN
├── ScopeNotHeld           SCOPE_NOT_HELD
├── RateExceeded           OVERLOADED
├── RouteUnknown           ROUTE_UNKNOWN
├── MethodNotAllowed       METHOD_NOT_ALLOWED
├── MediaTypeUnsupported   MEDIA_TYPE_UNSUPPORTED
└── BodyTooLarge           PAYLOAD_TOO_LARGE
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


class CredentialsRefused(DomainError):
    """No key, or one that does not work. Which of these is not told: a guesser would learn it."""

    reason = "UNAUTHENTICATED"


@dataclass(eq=False)
class ScopeUnknown(DomainError):
    """No rpc asks for this scope."""

    reason: ClassVar[str] = "SCOPE_UNKNOWN"
    scope: str


@dataclass(eq=False)
class ScopeNotHeld(DomainError):
    """The maker of a key does not have what it gives."""

    reason: ClassVar[str] = "SCOPE_NOT_HELD"
    scope: str


class RateExceeded(DomainError):
    """The key sends faster than it may."""

    reason = "OVERLOADED"

    def __init__(self, rate_class: str, retry_after_s: float) -> None:
        super().__init__()
        self.rate_class = rate_class
        self.retry_after_s = retry_after_s

    def metadata(self) -> dict[str, str]:
        """The class; when to come back travels as a header."""
        return {"rate_class": self.rate_class}


@dataclass(eq=False)
class RouteUnknown(DomainError):
    """Nothing is offered at this path."""

    reason: ClassVar[str] = "ROUTE_UNKNOWN"
    path: str


@dataclass(eq=False)
class MethodNotAllowed(DomainError):
    """The path takes other methods."""

    reason: ClassVar[str] = "METHOD_NOT_ALLOWED"
    allow: str


@dataclass(eq=False)
class MediaTypeUnsupported(DomainError):
    """The body is not of a type taken here."""

    reason: ClassVar[str] = "MEDIA_TYPE_UNSUPPORTED"
    accept: str


@dataclass(eq=False)
class BodyTooLarge(DomainError):
    """The body is larger than the door allows."""

    reason: ClassVar[str] = "PAYLOAD_TOO_LARGE"
    bytes_max: int
