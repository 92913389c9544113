"""A program outside with a key, and when its key works."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class ApiClientState(Enum):
    """Whether a key works."""

    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class ApiClient:
    """One client. ``channel`` empty: may act for all; ``requests_per_second`` 0: the default."""

    api_client_id: str
    tenant: str
    display_name: str
    scopes: frozenset[str]
    channel: str
    requests_per_second: int
    secret_hash: bytes
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> ApiClientState:
        """Revoked wins over expired: it says what somebody decided."""
        if self.revoked_at is not None:
            return ApiClientState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return ApiClientState.EXPIRED
        return ApiClientState.ACTIVE

    def revoked(self, now: datetime) -> ApiClient:
        """Ended now; one that ended before keeps its time."""
        return self if self.revoked_at is not None else replace(self, revoked_at=now)
