"""Whether an error of an applier passes by itself, is final, or is not known to us."""

from __future__ import annotations

from enum import Enum

from google.protobuf.message import DecodeError
from tandem_core.errors import DomainError

from tandem_platform.error_table import error_entry
from tandem_platform.jetstream import BusUnavailable
from tandem_platform.leases import LeaseLost
from tandem_platform.remote_error import RemoteError
from tandem_platform.store_errors import reason_of_store_error
from tandem_platform.version_gate import VersionMovedOn

REASON_UNREADABLE = "PAYLOAD_UNREADABLE"
REASON_INTERNAL = "INTERNAL"
DETAIL_CHARACTERS_MAX = 500


class FailureKind(Enum):
    """What a consumer does about an error."""

    TRANSIENT = "transient"
    """The outside is at fault: the whole batch waits and comes again."""
    PERMANENT = "permanent"
    """The event can never be applied as it is: a dead letter at once."""
    UNKNOWN = "unknown"
    """Probably a fault of ours: tried a few times, then a dead letter."""


def kind_of(error: BaseException) -> FailureKind:
    """Classifies an error raised while applying."""
    if isinstance(error, RemoteError):
        return FailureKind.TRANSIENT if error.retryable else _remote_kind(error)
    if isinstance(error, DomainError):
        entry = error_entry(error.reason)
        if entry is not None and entry.retryable:
            return FailureKind.TRANSIENT
        return FailureKind.PERMANENT
    if isinstance(error, DecodeError):
        return FailureKind.PERMANENT
    if isinstance(error, BusUnavailable | LeaseLost | VersionMovedOn | OSError):
        return FailureKind.TRANSIENT
    return FailureKind.TRANSIENT if reason_of_store_error(error) else FailureKind.UNKNOWN


def _remote_kind(error: RemoteError) -> FailureKind:
    # Without a reason it is no answer of a rule, but of the machinery in between.
    return FailureKind.PERMANENT if error.reason else FailureKind.UNKNOWN


def reason_of(error: BaseException) -> str:
    """The reason a dead letter carries."""
    if isinstance(error, DomainError):
        return error.reason
    if isinstance(error, RemoteError) and error.reason:
        return error.reason
    return REASON_UNREADABLE if isinstance(error, DecodeError) else REASON_INTERNAL


def detail_of(error: BaseException) -> str:
    """What people read in the dead letter; only our own errors are known to hold no personal
    data, of all others the type must do."""
    told = str(error) if isinstance(error, DomainError) else type(error).__qualname__
    return told[:DETAIL_CHARACTERS_MAX]
