"""Many commands in one transaction: each caller waits for its own answer after the commit.

Commands are queued, drained in batches and handed to ``process`` in order of arrival. The batch
waits a little for company only while the queue is busy (ARCHITECTURE 4, group commit).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from tandem_core.errors import DomainError

from tandem_platform import metrics
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

C = TypeVar("C")
R = TypeVar("R")

LINGER_MS_MAX = 40
QUIET_S = 0.006
"""A pause in which nobody came: the batch has all the company it will get."""

Process = Callable[[Sequence[C]], Awaitable[Sequence[R | Exception]]]


@dataclass(eq=False)
class Overloaded(DomainError):
    """Too many commands wait; come again later."""

    reason: ClassVar[str] = "OVERLOADED"
    queue: str


class GroupCommitStopped(RuntimeError):
    """A command came after `stop`; the process is going down."""


@dataclass(frozen=True)
class _Waiting(Generic[C, R]):
    command: C
    answer: asyncio.Future[R]


class GroupCommit(Generic[C, R]):
    """Runs ``process`` on batches of commands, one batch at a time.

    ``process`` opens and commits one transaction and returns, per command and in their order, a
    result or the exception its caller shall get. When it *raises*, nothing was committed: the
    batch is halved until the command at fault is alone, so neighbours are unharmed.
    """

    def __init__(
        self,
        process: Process[C, R],
        *,
        batch_max: int = 256,
        queue_max: int = 10_000,
        linger_ms_max: int = LINGER_MS_MAX,
        name: str = "group commit",
    ) -> None:
        self._process = process
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._linger_s = linger_ms_max / 1000
        self._name = name
        self._queue: deque[_Waiting[C, R]] = deque()
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._stopping = False
        self._last_batch = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to take commands."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Processes what waits, then ends."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    async def submit(self, command: C) -> R:
        """The command's result. Raises Overloaded when ``queue_max`` commands wait already.

        A caller that is cancelled (deadline) does not know the outcome: the command is dropped
        if its batch has not begun, and done otherwise. It asks again with the same request id.
        """
        if self._stopping or self._task is None:
            raise GroupCommitStopped(self._name)
        if len(self._queue) >= self._queue_max:
            raise Overloaded(self._name)
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        # Not _Waiting[C, R](…): a subscripted class raises and swallows an error on every call.
        waiting = _Waiting(command, answer)
        self._queue.append(waiting)
        self._arrived.set()
        if len(self._queue) >= self._batch_max:
            self._full.set()
        return await waiting.answer

    async def _run(self) -> None:
        while self._queue or not self._stopping:
            if not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._linger()
            size = min(self._batch_max, len(self._queue))
            batch = [self._queue.popleft() for _ in range(size)]
            metrics.record("tandem_group_commit_batch_size", size, queue=self._name)
            # Those that came while the last batch was written show how busy it is.
            self._last_batch = size
            await self._settle(batch)

    async def _linger(self) -> None:
        """Waits for company: not after a batch of one (idle), and never for a full batch.

        Under load a batch's callers come back one after the other, as fast as the process can take
        them in. Written at once, the first few of them would pay for a transaction of their own; so
        it waits for as long as more keep coming, and no longer than ``linger_ms_max``.
        """
        if self._last_batch <= 1:
            return
        loop = asyncio.get_running_loop()
        until, before = loop.time() + self._linger_s, 0
        while before < len(self._queue) < self._batch_max and not self._stopping:
            if loop.time() >= until:
                return
            before = len(self._queue)
            self._full.clear()
            try:
                async with asyncio.timeout(QUIET_S):
                    await self._full.wait()
            except TimeoutError:
                continue

    async def _settle(self, batch: Sequence[_Waiting[C, R]]) -> None:
        parts = [batch]
        while parts:
            part = [waiting for waiting in parts.pop() if not waiting.answer.cancelled()]
            if not part:
                continue
            try:
                results = await self._process([waiting.command for waiting in part])
            except Exception as error:  # noqa: BLE001  handed to the caller
                if len(part) == 1:
                    _answer(part[0], error)
                else:
                    log.warning("batch failed, halving it", queue=self._name, size=len(part))
                    half = len(part) // 2
                    parts += [part[half:], part[:half]]
                continue
            self._answer_all(part, results)

    def _answer_all(self, part: Sequence[_Waiting[C, R]], results: Sequence[R | Exception]) -> None:
        if len(results) != len(part):
            fault = RuntimeError(f"{self._name}: {len(results)} results for {len(part)} commands")
            log.error("group commit answers do not match", exc_info=fault)
            results = [fault] * len(part)
        for waiting, result in zip(part, results, strict=True):
            _answer(waiting, result)


def _answer(waiting: _Waiting[C, R], result: R | Exception) -> None:
    if waiting.answer.done():
        return
    if isinstance(result, Exception):
        waiting.answer.set_exception(result)
    else:
        waiting.answer.set_result(result)
