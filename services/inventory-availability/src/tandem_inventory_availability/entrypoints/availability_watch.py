"""One reader per process tells all streams that watch availability.

Streams that ask alike share one read of what changed. What is sent is the state as it is, never a
step, so quick changes may fall together and a repeat does no harm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_platform.database import Database

from tandem_inventory_availability.adapters.postgres.availability_reads import (
    AvailabilityQuestion,
    AvailabilityReads,
)
from tandem_inventory_availability.adapters.postgres.journal_tail import JournalTail, changed_since
from tandem_inventory_availability.domain.availability_answer import Answer
from tandem_inventory_availability.domain.availability_errors import WatchLimit, WatchTooSlow

MESSAGES_MAX = 128
"""Messages that wait for one stream; a slower reader has to watch again."""
WATCHERS_MAX = 500
RESUMED_EVENTS_MAX = 20_000
"""Events looked at to resume; after more of them everything is sent anew."""
REFRESH_S = 30.0
"""Everything watched is looked at again this often: windows and silence have no event."""
SKUS_PER_READ = 250
READS_AT_ONCE_MAX = 20
"""Pieces of the journal read in one round before others get a turn."""

_STAMPS = text("SELECT tenant, stamp::text FROM policy_version WHERE tenant = ANY(:tenants)")

Told = tuple[int, int, tuple[tuple[str, str, int], ...]]
"""Units, confidence and versions of what was sent last."""


@dataclass(frozen=True)
class WatchMessage:
    """Answers to send; ``horizon`` is the journal id they are complete up to."""

    answers: tuple[Answer, ...]
    snapshot: bool
    horizon: int
    now: datetime


@dataclass(eq=False)
class Watch:
    """One stream: what it asked, what waits for it, and what it was sent.

    ``parts`` are the SKUs each answer depends on: itself, or the components of a bundle.
    """

    question: AvailabilityQuestion
    parts: Mapping[str, frozenset[str]]
    waiting: asyncio.Queue[WatchMessage] = field(
        default_factory=lambda: asyncio.Queue(MESSAGES_MAX)
    )
    slow: asyncio.Event = field(default_factory=asyncio.Event)
    sent: dict[tuple[str, str, str], Told] = field(default_factory=dict)

    def touched(self, changed: Collection[tuple[str, str]]) -> set[str]:
        """SKUs it asked for whose answer may differ now."""
        tenant = self.question.tenant
        return {
            sku
            for sku, parts in self.parts.items()
            if any((tenant, part) in changed for part in parts)
        }

    def offer(self, message: WatchMessage) -> None:
        """Puts a message in the queue; a full one ends the stream, it never drops a message."""
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.slow.set()

    def news(self, answers: Iterable[Answer]) -> tuple[Answer, ...]:
        """Those that differ from what was sent and are not older."""
        found = []
        for answer in answers:
            key = (answer.sku, answer.location, answer.group)
            told = _told(answer)
            before = self.sent.get(key)
            if before == told or (before is not None and _older(told, before)):
                continue
            self.sent[key] = told
            found.append(answer)
        return tuple(found)


def _told(answer: Answer) -> Told:
    versions = sorted((p.key.sku, p.key.location, p.version) for p in answer.positions)
    return answer.available, int(answer.confidence), tuple(versions)


def _older(told: Told, before: Told) -> bool:
    known = {(sku, place): version for sku, place, version in before[2]}
    return any(version < known.get((sku, place), 0) for sku, place, version in told[2])


class WatchHub:
    """Reads the journal once for all streams of this process."""

    def __init__(self, database: Database, reads: AvailabilityReads) -> None:
        self._database = database
        self._reads = reads
        self._tail = JournalTail()
        self._watches: set[Watch] = set()
        self._stamps: dict[str, str] = {}
        self._refreshed = time.monotonic()

    async def open(self, question: AvailabilityQuestion) -> Watch:
        """A new stream; from now on changes wait for it. Raises WatchLimit."""
        if len(self._watches) >= WATCHERS_MAX:
            raise WatchLimit(WATCHERS_MAX)
        watch = Watch(question, await self._parts(question))
        self._watches.add(watch)
        return watch

    def close(self, watch: Watch) -> None:
        """The stream is over."""
        self._watches.discard(watch)
        if not self._watches:
            self._tail.end()
            self._stamps.clear()

    async def first(self, watch: Watch, since: int | None) -> WatchMessage:
        """Everything, or what changed since a message that was read before.

        Raises SkuUnknown, LocationUnknown, GroupUnknown.
        """
        now = self._reads.now()
        async with self._database.transaction() as connection:
            await self._tail.begin(connection)
            horizon = self._tail.horizon
            changed = None
            if since is not None:
                tenant = watch.question.tenant
                changed = await changed_since(connection, tenant, since, RESUMED_EVENTS_MAX)
        answers = await self._reads.answers(watch.question, now)
        for answer in answers:
            watch.sent[answer.sku, answer.location, answer.group] = _told(answer)
        if changed is not None:
            answers = [answer for answer in answers if _touches(answer, changed)]
        return WatchMessage(tuple(answers), changed is None, horizon, now)

    async def next(self, watch: Watch) -> WatchMessage:
        """The next changes. Raises WatchTooSlow when the reader fell too far behind."""
        while True:
            if watch.slow.is_set():
                raise WatchTooSlow
            message = await watch.waiting.get()
            if watch.slow.is_set():
                raise WatchTooSlow
            news = watch.news(message.answers)
            if news:
                return replace(message, answers=news)

    async def poll(self) -> int:
        """One round of the reader; how many messages it put into queues."""
        if not self._watches:
            return 0
        told = 0
        for _ in range(READS_AT_ONCE_MAX):
            async with self._database.transaction() as connection:
                changed, more = await self._tail.changes(connection)
                changed |= await self._all_of_changed_policies(connection)
            told += await self._tell(changed, self._tail.horizon)
            if not more:
                break
        return told

    async def _tell(self, changed: set[tuple[str, str]], horizon: int) -> int:
        """Reads once for all streams that ask alike."""
        alike: dict[AvailabilityQuestion, list[tuple[Watch, set[str]]]] = {}
        for watch in self._watches:
            if touched := watch.touched(changed):
                shape = replace(watch.question, skus=())
                alike.setdefault(shape, []).append((watch, touched))
        told = 0
        for shape, watches in alike.items():
            told += await self._tell_alike(shape, watches, horizon)
        return told

    async def _tell_alike(
        self,
        shape: AvailabilityQuestion,
        watches: Sequence[tuple[Watch, set[str]]],
        horizon: int,
    ) -> int:
        now = self._reads.now()
        found: dict[str, list[Answer]] = {}
        asked = sorted(set().union(*(skus for _, skus in watches)))
        for start in range(0, len(asked), SKUS_PER_READ):
            question = replace(shape, skus=tuple(asked[start : start + SKUS_PER_READ]))
            for answer in await self._reads.answers(question, now):
                found.setdefault(answer.sku, []).append(answer)
        for watch, skus in watches:
            answers = [answer for sku in sorted(skus) for answer in found.get(sku, ())]
            if answers:
                watch.offer(WatchMessage(tuple(answers), False, horizon, now))
        return len(watches)

    async def _all_of_changed_policies(self, connection: AsyncConnection) -> set[tuple[str, str]]:
        tenants = {watch.question.tenant for watch in self._watches}
        rows = await connection.execute(_STAMPS, {"tenants": sorted(tenants)})
        stamps = {row[0]: row[1] for row in rows}
        due = time.monotonic() - self._refreshed > REFRESH_S
        if due:
            self._refreshed = time.monotonic()
        moved = {
            tenant
            for tenant in tenants
            if due or (tenant in self._stamps and self._stamps[tenant] != stamps.get(tenant))
        }
        self._stamps = stamps
        return {
            (watch.question.tenant, sku)
            for watch in self._watches
            if watch.question.tenant in moved
            for parts in watch.parts.values()
            for sku in parts
        }

    async def _parts(self, question: AvailabilityQuestion) -> dict[str, frozenset[str]]:
        bundles = (await self._reads.policy(question.tenant)).bundles
        return {sku: frozenset({sku, *bundles.get(sku, ())}) for sku in question.skus}


def _touches(answer: Answer, changed: set[str]) -> bool:
    return answer.sku in changed or any(p.key.sku in changed for p in answer.positions)
