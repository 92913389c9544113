"""Step 3: no call runs longer than its caller waits, and none starts that cannot finish."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from google.protobuf.message import Message
from tandem_core.errors import DomainError

from tandem_platform import request_context
from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall
from tandem_platform.request_context import Deadline

ANSWER_MARGIN_S_MAX = 0.02
ANSWER_MARGIN_SHARE = 0.1


@dataclass(eq=False)
class DeadlineMissed(DomainError):
    """The time was too short or ran out; a write may or may not have happened."""

    reason: ClassVar[str] = "DEADLINE_EXCEEDED"
    remaining_ms: int


class DeadlineStep:
    """Gives calls without a deadline the rpc's default, and stops those that run out of time.

    A stream without a deadline of its own lasts as long as both sides want it to.
    """

    def __init__(self, default_ms: int) -> None:
        self._default_ms = default_ms

    async def __call__(self, call: RpcCall, proceed: Proceed) -> Message:
        """Raises DeadlineMissed shortly before the caller gives up, so that it learns why."""
        remaining_s = call.context.time_remaining()
        if remaining_s is None and call.method.streams and not call.method.default_deadline_ms:
            return await proceed(call)
        if remaining_s is None:
            remaining_s = (call.method.default_deadline_ms or self._default_ms) / 1000
        budget_s = remaining_s - min(ANSWER_MARGIN_S_MAX, remaining_s * ANSWER_MARGIN_SHARE)
        if budget_s <= 0:
            raise DeadlineMissed(max(0, int(remaining_s * 1000)))
        request_context.set_deadline(Deadline.after(budget_s))
        try:
            async with asyncio.timeout(budget_s) as limit:
                return await proceed(call)
        except TimeoutError:
            if limit.expired():
                raise DeadlineMissed(0) from None
            raise
