"""A payment command on its way to the provider.

PENDING ──▶ DONE       answered for good
   │
   └──────▶ PARKED     older than the policy allows; somebody must look
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tandem_connector_sdk.models import PaymentCommand

ERROR_CHARACTERS_MAX = 300


class CommandState(StrEnum):
    """Where a command is in its life."""

    PENDING = "PENDING"
    DONE = "DONE"
    PARKED = "PARKED"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Doubles the pause with each attempt up to a longest one, and gives up by age: a provider
    may be down for hours, and each of its customers waits for an answer."""

    pause_ms_first: int = 200
    pause_ms_max: int = 30_000
    age_h_max: int = 72

    def pause(self, attempts: int) -> timedelta:
        """The pause after so many attempts."""
        doubled = self.pause_ms_first << min(max(attempts - 1, 0), 20)
        return timedelta(milliseconds=min(doubled, self.pause_ms_max))


@dataclass(frozen=True, slots=True)
class OutboundCommand:
    """`uncertain` is set before the provider is called and taken back only when the call surely
    had no effect: after a crash in between, the provider is asked what it knows first."""

    command: PaymentCommand
    tenant: str
    connection_id: str
    created_at: datetime
    carrier: Mapping[str, str] = field(default_factory=dict)
    state: CommandState = CommandState.PENDING
    attempts: int = 0
    uncertain: bool = False
    next_attempt_at: datetime | None = None
    last_error: str = ""

    def done(self) -> "OutboundCommand":
        """Answered for good."""
        return replace(self, state=CommandState.DONE, last_error="")

    def postponed(
        self, policy: RetryPolicy, now: datetime, error: str, wait: timedelta | None = None
    ) -> "OutboundCommand":
        """To be tried again after `wait`, else after the policy's pause; parked when too old."""
        expired = now - self.created_at > timedelta(hours=policy.age_h_max)
        return replace(
            self,
            state=CommandState.PARKED if expired else CommandState.PENDING,
            next_attempt_at=now + (wait or policy.pause(self.attempts)),
            last_error=error[:ERROR_CHARACTERS_MAX],
        )

    def asked(self, *, in_vain: bool) -> "OutboundCommand":
        """After a call that failed: `in_vain` when it surely had no effect."""
        return replace(self, uncertain=not in_vain)
