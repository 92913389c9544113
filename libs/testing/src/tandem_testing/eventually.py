"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

WAIT_S = 20.0
POLL_S = 0.02

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T]], expected: T, *, wait_s: float = WAIT_S
) -> None:
    """Looks until it sees ``expected``; fails with what it saw last."""
    deadline = time.monotonic() + wait_s
    while (seen := await look()) != expected:
        assert time.monotonic() < deadline, f"saw {seen!r} for {wait_s} s, not {expected!r}"
        await asyncio.sleep(POLL_S)
