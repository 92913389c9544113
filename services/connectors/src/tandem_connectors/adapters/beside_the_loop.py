"""The port `Aside` on a thread."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def beside_the_loop(compute: Callable[[], T]) -> T:
    """Runs `compute` in the default pool with this task's context, traces included."""
    return await asyncio.to_thread(compute)
