"""Questions that come at the same time are answered by one read.

A read is mostly round trips: a question for one SKU costs as many of them as one for a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_platform.group_commit import GroupCommit

from tandem_inventory_availability.adapters.postgres.availability_reads import (
    AvailabilityQuestion,
    AvailabilityReads,
)
from tandem_inventory_availability.domain.availability_answer import Answer

QUESTIONS_MAX = 128
SKUS_MAX = 10
"""A question for more SKUs is read alone: others should not wait for it."""
LINGER_MS_MAX = 5


@dataclass(frozen=True)
class Answered:
    """Answers, and the moment they are true for."""

    answers: list[Answer]
    now: datetime


class AvailabilityBatches:
    """Answers questions, small ones together."""

    def __init__(self, reads: AvailabilityReads) -> None:
        self._reads = reads
        self.queue = GroupCommit[AvailabilityQuestion, Answered](
            self._read,
            batch_max=QUESTIONS_MAX,
            linger_ms_max=LINGER_MS_MAX,
            name="availability reads",
        )

    async def answers(self, asked: AvailabilityQuestion) -> Answered:
        """By SKU in order of name, then by priority, then groups.

        Raises SkuUnknown, LocationUnknown, GroupUnknown, Overloaded.
        """
        if len(asked.skus) > SKUS_MAX:
            now = self._reads.now()
            return Answered(await self._reads.answers(asked, now), now)
        return await self.queue.submit(asked)

    async def _read(self, questions: Sequence[AvailabilityQuestion]) -> list[Answered | Exception]:
        """Those of one tenant, channel and mode share a read, of a moment after they all came."""
        alike: dict[tuple[object, ...], list[int]] = {}
        for number, asked in enumerate(questions):
            shape = (asked.tenant, asked.channel, asked.mode)
            alike.setdefault(shape, []).append(number)
        answers: dict[int, Answered | Exception] = {}
        for numbers in alike.values():
            now = self._reads.now()
            together = [questions[number] for number in numbers]
            found = await self._reads.answers_together(together, now)
            for number, one in zip(numbers, found, strict=True):
                answers[number] = one if isinstance(one, Exception) else Answered(one, now)
        return [answers[number] for number in range(len(questions))]
