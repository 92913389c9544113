"""Faults the provider commits on demand, each a stated number of times."""

from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong."""

    LOSE_REPLY = "lose_reply"
    """The operation is done and committed, the answer never arrives."""
    RATE_LIMIT = "rate_limit"
    """429 with Retry-After, nothing is done."""
    SERVER_ERROR = "server_error"
    """500, nothing is done; the client cannot know that."""
    DELAY = "delay"
    """The answer waits `seconds`."""
    DECLINE = "decline"
    """The operation is refused as a bank would."""
