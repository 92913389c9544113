"""Named places where a test can kill, fail or stop a process: ``await fp("relay.after_publish")``.

Without ``TANDEM_FAULT_POINTS`` every point is a no-op. The variable holds ``name:action[:nth]``,
several separated by commas; ``nth`` (from 1, default 1) is the pass on which the action happens.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "TANDEM_FAULT_POINTS"
_ACTIONS = frozenset({"kill", "raise", "hang"})


class FaultInjected(RuntimeError):
    """Raised at a fault point by the action ``raise``."""


@dataclass(frozen=True)
class _Fault:
    action: str
    nth: int


def parse(text: str) -> dict[str, _Fault]:
    """Reads the variable. Raises ValueError for an unknown action, so a typo is no green test."""
    faults = {}
    for entry in filter(None, text.split(",")):
        name, action, *nth = entry.strip().split(":")
        if action not in _ACTIONS:
            raise ValueError(f"{VARIABLE}: unknown action {action!r} for {name}")
        faults[name] = _Fault(action, int(nth[0]) if nth else 1)
    return faults


_faults: Mapping[str, _Fault] = parse(os.environ.get(VARIABLE, ""))
_passes: Counter[str] = Counter()


async def fp(name: str) -> None:
    """Passes the point, unless the environment of this process says otherwise."""
    if not _faults or name not in _faults:
        return
    _passes[name] += 1
    fault = _faults[name]
    if _passes[name] != fault.nth:
        return
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.action == "raise":
        raise FaultInjected(name)
    await asyncio.Event().wait()
