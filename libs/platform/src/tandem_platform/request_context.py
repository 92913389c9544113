"""Who calls, what, and how long is left: known to all code below an rpc without being passed.

Interceptors set it for rpcs; consumers and loops set it with `acting_as`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tandem_core.errors import DomainError


class NotAuthenticated(DomainError):
    """No caller is known; only a fault in wiring lets code ask without one."""

    reason = "UNAUTHENTICATED"


@dataclass(frozen=True)
class Caller:
    """The authenticated party behind a call. ``channel`` is empty for staff and services."""

    subject: str
    tenant: str
    channel: str = ""
    scopes: frozenset[str] = frozenset()

    @property
    def principal(self) -> str:
        """Key under which idempotency records and page tokens are kept."""
        return f"{self.tenant}/{self.subject}"


@dataclass(frozen=True)
class Deadline:
    """An instant on the monotonic clock."""

    at_monotonic_s: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """A deadline so many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining_s(self) -> float:
        """Seconds left; negative once passed."""
        return self.at_monotonic_s - time.monotonic()


_caller: ContextVar[Caller | None] = ContextVar("tandem_caller", default=None)
_deadline: ContextVar[Deadline | None] = ContextVar("tandem_deadline", default=None)
_method: ContextVar[str] = ContextVar("tandem_method", default="")
_request_id: ContextVar[str] = ContextVar("tandem_request_id", default="")
_trailing: ContextVar[dict[str, str] | None] = ContextVar("tandem_trailing", default=None)


def current_caller() -> Caller:
    """The caller of this rpc or loop. Raises NotAuthenticated when there is none."""
    if (caller := _caller.get()) is None:
        raise NotAuthenticated
    return caller


def caller_or_none() -> Caller | None:
    """The caller, or None outside of any rpc; for logs and outgoing calls."""
    return _caller.get()


def current_deadline() -> Deadline | None:
    """When the answer must be there; None in loops without one."""
    return _deadline.get()


def current_method() -> str:
    """``tandem.order.v1.OrderService/SubmitOrder`` of this rpc; empty outside."""
    return _method.get()


def current_request_id() -> str:
    """The ``request_id`` of this write; empty for reads and outside."""
    return _request_id.get()


def set_caller(caller: Caller) -> None:
    """Names the caller for the rest of this task."""
    _caller.set(caller)


def set_deadline(deadline: Deadline) -> None:
    """Sets the deadline for the rest of this task."""
    _deadline.set(deadline)


def begin_rpc(method: str) -> dict[str, str]:
    """Starts a clean context for one rpc; returns the trailing metadata it will collect."""
    trailing: dict[str, str] = {}
    _method.set(method)
    _caller.set(None)
    _deadline.set(None)
    _request_id.set("")
    _trailing.set(trailing)
    return trailing


def set_request_id(request_id: str) -> None:
    """Names the write, for logs and idempotency."""
    _request_id.set(request_id)


def add_trailing_metadata(key: str, value: str) -> None:
    """Sends ``key: value`` after the response of this rpc; does nothing outside of one."""
    if (trailing := _trailing.get()) is not None:
        trailing[key] = value


@contextmanager
def acting_as(
    caller: Caller, *, method: str = "", deadline: Deadline | None = None
) -> Iterator[None]:
    """Runs the block for a caller: loops, consumers and tests, which have no rpc."""
    tokens = (_caller.set(caller), _method.set(method), _deadline.set(deadline))
    try:
        yield
    finally:
        _caller.reset(tokens[0])
        _method.reset(tokens[1])
        _deadline.reset(tokens[2])
