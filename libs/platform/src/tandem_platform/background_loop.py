"""Work that repeats beside the rpcs: expiry, polling, pushing.

A loop that fails is logged, counted and goes on after a pause; it never ends silently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from tandem_platform import metrics
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

PAUSE_AFTER_FAILURE_S_MIN = 0.2
PAUSE_AFTER_FAILURE_S_MAX = 5.0
STOP_WAIT_S_MAX = 10.0


class Startable(Protocol):
    """Anything a service process starts and stops: consumers, group commits, loops."""

    async def start(self) -> None:
        """Begins; returns at once."""
        ...

    async def stop(self) -> None:
        """Finishes what is in hand and ends."""
        ...


class BackgroundLoop:
    """Calls ``work`` every ``interval_s`` seconds, and at once after `poke`."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[object]], *, interval_s: float
    ) -> None:
        self.name = name
        self._work = work
        self._interval_s = interval_s
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins with a first round at once."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Lets the round in hand finish, for at most STOP_WAIT_S_MAX."""
        self._stopping = True
        self._wake.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=STOP_WAIT_S_MAX)
        if not done:
            log.warning("loop stopped in the middle of a round", loop=self.name)
            self._task.cancel()
            await asyncio.wait({self._task})

    def poke(self) -> None:
        """Starts the next round now."""
        self._wake.set()

    async def _run(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.clear()
            failures = 0 if await self._round() else failures + 1
            pause_s = self._interval_s if not failures else _pause_s(failures)
            try:
                await asyncio.wait_for(self._wake.wait(), pause_s)
            except TimeoutError:
                continue

    async def _round(self) -> bool:
        try:
            await self._work()
        except Exception:
            log.exception("loop failed", loop=self.name)
            metrics.add("tandem_loop_failures_total", loop=self.name)
            return False
        return True


def _pause_s(failures: int) -> float:
    return min(PAUSE_AFTER_FAILURE_S_MAX, PAUSE_AFTER_FAILURE_S_MIN * 2.0 ** min(failures, 10))
