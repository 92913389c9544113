"""Writes of rpcs by group commit: one transaction holds the effects, the idempotency records and
the journal rows of a whole batch; each caller gets its own answer after the commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from tandem_platform.group_commit import GroupCommit
from tandem_platform.idempotency import (
    REPLAYED,
    BatchRequest,
    Claimed,
    Replayed,
    RequestIdReused,
    SameAs,
    claim_batch,
    request_hash,
    request_key,
    store_batch,
)
from tandem_platform.request_context import add_trailing_metadata
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

C = TypeVar("C")
M = TypeVar("M", bound=Message)

Effects = Callable[[UnitOfWork, Sequence[C]], Awaitable[Sequence[M | Exception]]]
"""Applies commands in order, without committing; one answer or error for each, in their order."""


@dataclass(frozen=True)
class _Write(Generic[C]):
    command: C
    request: BatchRequest


@dataclass(frozen=True)
class _Answer(Generic[M]):
    response: M
    replayed: bool = False


class GroupWrites(Generic[C, M]):
    """A queue of writes of one rpc (or of several with the same response type)."""

    def __init__(
        self,
        units: UnitOfWorkFactory,
        effects: Effects[C, M],
        response_type: type[M],
        *,
        name: str,
        batch_max: int = 256,
    ) -> None:
        self._units = units
        self._effects = effects
        self._response_type = response_type
        self._queue = GroupCommit[_Write[C], _Answer[M]](
            self._process, batch_max=batch_max, name=name
        )

    async def start(self) -> None:
        """Begins to take writes."""
        await self._queue.start()

    async def stop(self) -> None:
        """Finishes what waits."""
        await self._queue.stop()

    async def submit(self, request: Message, command: C) -> M:
        """The response of the write, or the stored one of the first time.

        Raises RequestIdReused, Overloaded, or what the command met.
        """
        write = _Write(command, BatchRequest(request_key(request), request_hash(request)))
        answer = await self._queue.submit(write)
        if answer.replayed:
            add_trailing_metadata(REPLAYED, "true")
        return answer.response

    async def _process(self, writes: Sequence[_Write[C]]) -> list[_Answer[M] | Exception]:
        async with self._units() as uow:
            claims = await claim_batch(uow.connection, [write.request for write in writes])
            fresh = [i for i, claim in enumerate(claims) if isinstance(claim, Claimed)]
            effects = await self._effects(uow, [writes[i].command for i in fresh])
            made = dict(zip(fresh, effects, strict=True))
            await store_batch(
                uow.connection,
                [
                    (writes[i].request, response.SerializeToString())
                    for i, response in made.items()
                    if isinstance(response, Message)
                ],
            )
            await uow.commit()
        return [self._answer(i, claim, made) for i, claim in enumerate(claims)]

    def _answer(
        self,
        index: int,
        claim: Claimed | Replayed | SameAs | RequestIdReused,
        made: dict[int, M | Exception],
    ) -> _Answer[M] | Exception:
        if isinstance(claim, RequestIdReused):
            return claim
        if isinstance(claim, Replayed):
            return _Answer(self._response_type.FromString(claim.response), replayed=True)
        first = made[claim.index if isinstance(claim, SameAs) else index]
        if isinstance(first, Exception):
            return first
        return _Answer(first, replayed=isinstance(claim, SameAs))
