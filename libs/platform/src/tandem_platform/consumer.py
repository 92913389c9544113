"""A consumer of one stream: what a service declares, and the tasks that run it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from tandem_core.clock import Clock
from tandem_core.ids import IdFactory

from tandem_platform import dead_letters
from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.batch_applier import ApplyBatch, BatchApplier, ConsumerName
from tandem_platform.checkpoints import COMPARE_INTERVAL_S, Checkpoints
from tandem_platform.dead_letters import DeadLetter
from tandem_platform.delivery import Delivery
from tandem_platform.event_subjects import durable_name
from tandem_platform.failure_kind import FailureKind, kind_of
from tandem_platform.jetstream import BusUnavailable, JetStream, PublishRefused
from tandem_platform.journal_reader import JournalSource
from tandem_platform.leases import RENEW_INTERVAL_S, Lease, LeaseLost, PartitionLeases
from tandem_platform.partition_worker import PartitionWorker
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

log = get_logger(__name__)

# Requeued letters are poked in process; this is for those requeued at another replica.
RESUME_INTERVAL_S = 5.0
RESUME_LETTERS_MAX = 50


@dataclass(frozen=True)
class Consumer:
    """What a service listens to. ``name`` is unique, ``<service>-<stream in lower case>``.

    ``apply`` gets new deliveries only, in order per aggregate, and writes through the unit of
    work; it must not commit. A DomainError it raises makes a dead letter of the event at fault.
    """

    name: str
    stream: str
    aggregate_types: frozenset[str]
    apply: ApplyBatch


def one_by_one(handle: Callable[[UnitOfWork, Delivery], Awaitable[None]]) -> ApplyBatch:
    """An ``apply`` that handles each delivery in its own trace and for its own tenant."""

    async def apply(uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            with delivery.processing():
                await handle(uow, delivery)

    return apply


@dataclass(frozen=True)
class ConsumerParts:
    """What consumers of one process share."""

    units: UnitOfWorkFactory
    bus: JetStream
    clock: Clock
    ids: IdFactory
    partitions: int
    replica: str
    compare_interval_s: float = COMPARE_INTERVAL_S


@dataclass(frozen=True)
class ConsumerStanding:
    """How a consumer stands; ``pending`` counts messages of the partitions of this replica."""

    name: str
    stream: str
    pending: int
    open_gaps: int
    parked_keys: int
    applied: int
    duplicates: int
    repaired: int


class ConsumerRunner:
    """Runs a consumer on the partitions this replica holds."""

    def __init__(self, consumer: Consumer, parts: ConsumerParts, journal: JournalSource) -> None:
        self.consumer = consumer
        self._parts = parts
        self._database = parts.units.database
        self._leases = PartitionLeases(
            self._database, consumer.name, parts.partitions, parts.replica
        )
        name = ConsumerName(consumer.name, consumer.stream)
        self._applier = BatchApplier(name, consumer.apply, parts.units, journal, parts.ids)
        self._checkpoints = Checkpoints(self._database, journal, parts.clock, consumer.name)
        self._workers: dict[int, PartitionWorker] = {}
        self._loops = [
            self._loop("leases", self._share_partitions, RENEW_INTERVAL_S),
            self._loop("resume", self._resume_keys, RESUME_INTERVAL_S),
            self._loop("compare", self.compare, parts.compare_interval_s),
        ]

    async def start(self) -> None:
        """Begins; returns at once, whether or not NATS and the source can be reached."""
        for loop in self._loops:
            await loop.start()

    async def stop(self) -> None:
        """Finishes the batches in hand and gives the partitions back."""
        for loop in self._loops:
            await loop.stop()
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))
        self._workers.clear()
        await self._leases.leave()

    def poke(self) -> None:
        """Looks for requeued dead letters now."""
        self._loops[1].poke()

    async def standing(self) -> ConsumerStanding:
        """Figures for operators."""
        counts = self._applier.counts
        return ConsumerStanding(
            name=self.consumer.name,
            stream=self.consumer.stream,
            pending=await self._pending(),
            open_gaps=len(counts.open_gaps),
            parked_keys=await self._parked(),
            applied=counts.applied,
            duplicates=counts.duplicates,
            repaired=counts.repaired,
        )

    async def compare(self) -> int:
        """Compares with the source's journal and repairs; returns how many keys were behind."""
        behind = 0
        try:
            for worker in list(self._workers.values()):
                behind += await self._compare_partition(worker)
        except LeaseLost:
            self._loops[0].poke()
        except Exception as error:
            # The source or the database is away: the next round compares the same again.
            if kind_of(error) is not FailureKind.TRANSIENT:
                raise
        return behind

    async def _compare_partition(self, worker: PartitionWorker) -> int:
        partition = [worker.lease.partition]
        begin = self._parts.clock.now()
        behind = await self._checkpoints.behind(self.consumer.aggregate_types, partition)
        complete = True
        for key in behind:
            async with worker.standing_still:
                complete &= await self._applier.catch_up(worker.lease, key)
        if complete:
            await self._checkpoints.passed(partition, begin)
        return len(behind)

    async def _resume_keys(self) -> None:
        if not self._workers:
            return
        async with self._database.transaction() as connection:
            letters = await dead_letters.resumable(
                connection, self.consumer.name, list(self._workers), RESUME_LETTERS_MAX
            )
        for letter in letters:
            worker = self._workers.get(letter.partition)
            if worker is not None:
                await self._resume(worker, letter)

    async def _resume(self, worker: PartitionWorker, letter: DeadLetter) -> None:
        try:
            async with worker.standing_still:
                await self._applier.resume(worker.lease, letter)
        except Exception as error:
            if kind_of(error) is not FailureKind.TRANSIENT:
                raise
            log.info("key not resumed yet", error=str(error)[:200], letter=letter.id)

    async def _share_partitions(self) -> None:
        for lease in await self._leases.renew():
            await self._end_worker(lease.partition)
            await self._leases.release(lease)
        held = self._leases.held()
        for partition in [p for p, worker in self._workers.items() if worker.lost(held)]:
            await self._end_worker(partition)
        for partition, lease in held.items():
            if partition not in self._workers:
                await self._begin_worker(lease)

    async def _begin_worker(self, lease: Lease) -> None:
        worker = PartitionWorker(self.consumer, lease, self._parts.bus, self._applier)
        self._workers[lease.partition] = worker
        await worker.start()

    async def _end_worker(self, partition: int) -> None:
        worker = self._workers.pop(partition, None)
        if worker is not None:
            await worker.stop()

    async def _pending(self) -> int:
        names = [durable_name(self.consumer.name, partition) for partition in self._workers]
        try:
            return sum([await self._parts.bus.pending(self.consumer.stream, n) for n in names])
        except (BusUnavailable, PublishRefused):
            return 0

    async def _parked(self) -> int:
        async with self._database.transaction() as connection:
            found = await connection.execute(_PARKED, {"consumer": self.consumer.name})
            return int(found.scalar_one())

    def _loop(
        self, what: str, work: Callable[[], Awaitable[object]], interval_s: float
    ) -> BackgroundLoop:
        return BackgroundLoop(f"{self.consumer.name} {what}", work, interval_s=interval_s)


_PARKED = text("""
    SELECT count(*) FROM applied_version WHERE consumer = :consumer AND parked_by IS NOT NULL
""")
