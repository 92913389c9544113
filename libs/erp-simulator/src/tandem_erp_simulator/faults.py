"""Faults the ERP commits on demand, each a stated number of times."""

from __future__ import annotations

from enum import StrEnum


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
