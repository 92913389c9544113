"""Applies a batch of one partition: gate, effect and versions in one transaction.

A batch that fails is split until the event at fault is alone: an outside fault makes everything
wait, a rule or an unreadable payload parks one key behind a dead letter, and its neighbours never
notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from opentelemetry import trace
from tandem_core.ids import IdFactory

from tandem_platform import dead_letters, metrics, telemetry, version_gate
from tandem_platform.aggregate_key import AggregateKey
from tandem_platform.dead_letters import DeadLetter, Refusal
from tandem_platform.delivery import Delivery
from tandem_platform.failure_kind import FailureKind, kind_of
from tandem_platform.fault_points import fp
from tandem_platform.journal_reader import JournalSource
from tandem_platform.leases import Lease
from tandem_platform.remote_error import RemoteError
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tandem_platform.version_gate import Gap, KeyState, Plan

log = get_logger(__name__)

UNKNOWN_ATTEMPTS_MAX = 5
REPAIR_KEYS_MAX = 50
CATCH_UP_PAGES_MAX = 200
_ATTEMPTS_REMEMBERED_MAX = 10_000

ApplyBatch = Callable[[UnitOfWork, Sequence[Delivery]], Awaitable[None]]


class Verdict(Enum):
    """What becomes of a message of the bus."""

    DONE = "done"
    """Applied, known before, parked, or a dead letter: acknowledge it."""
    AGAIN = "again"
    """Not yet: let it come again after a pause."""


@dataclass(frozen=True)
class ConsumerName:
    """Which consumer this is, on which stream."""

    name: str
    stream: str


@dataclass
class Counts:
    """What a consumer did since the process started."""

    applied: int = 0
    duplicates: int = 0
    repaired: int = 0
    open_gaps: set[AggregateKey] = field(default_factory=set)


class GapsFound(Exception):
    """Versions are missing in a batch; raised to leave the transaction before asking for them."""

    def __init__(self, gaps: Sequence[Gap]) -> None:
        super().__init__(f"{len(gaps)} gaps")
        self.gaps = gaps


class BatchApplier:
    """Applies deliveries of one consumer. One instance per consumer and process."""

    def __init__(
        self,
        consumer: ConsumerName,
        apply: ApplyBatch,
        units: UnitOfWorkFactory,
        journal: JournalSource,
        ids: IdFactory,
    ) -> None:
        self.counts = Counts()
        self._consumer = consumer
        self._apply = apply
        self._units = units
        self._journal = journal
        self._ids = ids
        self._attempts: Counter[str] = Counter()

    async def settle(self, lease: Lease, deliveries: Sequence[Delivery]) -> dict[str, Verdict]:
        """Applies a batch; the verdict of every delivery by event id.

        Missing versions are read from the journal of the source and applied in their places.
        Raises what `kind_of` calls transient; what was not decided by then comes again.
        """
        try:
            return await self._in_halves(_Batch(lease, set(), gaps_wait=False), deliveries)
        except GapsFound as found:
            self.counts.open_gaps.update(gap.key for gap in found.gaps)
            missing = await self._missing(found.gaps)
        batch = _Batch(lease, set(), gaps_wait=True)
        return await self._in_halves(batch, [*missing, *deliveries])

    async def catch_up(self, lease: Lease, key: AggregateKey) -> bool:
        """Applies what the journal has beyond the applied version; False when not all of it
        could be applied. Raises RemoteError when the source is not reached."""
        for _ in range(CATCH_UP_PAGES_MAX):
            state = await self._state_of(key)
            if state.parked:
                return True
            page = await self._journal.read(key, state.version + 1, 0)
            if not page.deliveries:
                return True
            self._count_repaired(len(page.deliveries))
            verdicts = await self.settle(lease, page.deliveries)
            if Verdict.AGAIN in verdicts.values():
                return False
        return False

    async def resume(self, lease: Lease, letter: DeadLetter) -> None:
        """Goes on with the key of a requeued or discarded dead letter."""
        if letter.state == dead_letters.REQUEUED and not await self._apply_requeued(lease, letter):
            return
        if await self.catch_up(lease, letter.delivery.key):
            async with self._units() as uow:
                await dead_letters.resumed(uow.connection, letter)
                await uow.commit()

    async def _in_halves(self, batch: _Batch, deliveries: Sequence[Delivery]) -> dict[str, Verdict]:
        verdicts = {d.event_id: Verdict.AGAIN for d in deliveries if d.key in batch.blocked}
        free = [delivery for delivery in deliveries if delivery.key not in batch.blocked]
        if not free:
            return verdicts
        try:
            return verdicts | await self._transaction(batch, free)
        except GapsFound:
            raise
        except Exception as error:
            if kind_of(error) is FailureKind.TRANSIENT:
                raise
            if len(free) == 1:
                return verdicts | {free[0].event_id: await self._refuse(batch, free[0], error)}
        half = len(free) // 2
        verdicts |= await self._in_halves(batch, free[:half])
        return verdicts | await self._in_halves(batch, free[half:])

    async def _transaction(
        self, batch: _Batch, deliveries: Sequence[Delivery]
    ) -> dict[str, Verdict]:
        name = self._consumer.name
        async with self._units() as uow:
            await batch.lease.check(uow.connection)
            keys = [delivery.key for delivery in deliveries]
            states = await version_gate.lock_states(uow.connection, name, keys)
            plan = version_gate.plan(deliveries, states)
            if plan.gaps and not batch.gaps_wait:
                raise GapsFound(plan.gaps)
            if plan.accepted:
                await self._apply(uow, plan.accepted)
                await version_gate.store_versions(uow.connection, name, plan.new_versions())
                await fp("consumer.before_commit")
                await uow.commit()
        await fp("consumer.after_commit")
        return self._counted(plan)

    async def _refuse(self, batch: _Batch, delivery: Delivery, error: Exception) -> Verdict:
        if kind_of(error) is FailureKind.UNKNOWN and self._may_try_again(delivery, error):
            batch.blocked.add(delivery.key)
            return Verdict.AGAIN
        name = self._consumer
        async with self._units() as uow:
            await batch.lease.check(uow.connection)
            states = await version_gate.lock_states(uow.connection, name.name, [delivery.key])
            state = states.get(delivery.key, KeyState())
            if state.parked or delivery.aggregate_version != state.version + 1:
                return Verdict.AGAIN
            refusal = Refusal(
                self._ids.new_id(),
                name.name,
                name.stream,
                batch.lease.partition,
                delivery,
                error,
            )
            await dead_letters.store(uow.connection, refusal, state.version)
            await fp("consumer.before_dead_letter")
            await uow.commit()
        self._attempts.pop(delivery.event_id, None)
        self._show_refused(delivery, error)
        return Verdict.DONE

    async def _apply_requeued(self, lease: Lease, letter: DeadLetter) -> bool:
        try:
            async with self._units() as uow:
                await lease.check(uow.connection)
                current = await dead_letters.get(uow.connection, letter.id, for_update=True)
                if current.state != dead_letters.REQUEUED:
                    return False
                await self._apply(uow, [current.to_apply])
                await dead_letters.free_key(uow.connection, current, dead_letters.RESOLVED)
                await fp("consumer.before_requeued")
                await uow.commit()
        except Exception as error:
            if kind_of(error) is FailureKind.TRANSIENT:
                raise
            await self._refuse_again(letter, error)
            return False
        self.counts.applied += 1
        return True

    async def _refuse_again(self, letter: DeadLetter, error: Exception) -> None:
        refusal = Refusal(
            letter.id, letter.consumer, letter.stream, letter.partition, letter.delivery, error
        )
        async with self._units() as uow:
            version = letter.delivery.aggregate_version - 1
            await dead_letters.store(uow.connection, refusal, version)
            await uow.commit()
        self._show_refused(letter.delivery, error)

    async def _missing(self, gaps: Sequence[Gap]) -> list[Delivery]:
        """What the source has of the gaps; a gap that cannot be filled now stays open."""
        found: list[Delivery] = []
        for gap in gaps[:REPAIR_KEYS_MAX]:
            try:
                page = await self._journal.read(gap.key, gap.from_version, gap.to_version)
            except RemoteError as error:
                log.warning("gap not repaired yet", key=str(gap.key), error=str(error)[:200])
                break
            found.extend(page.deliveries)
        self._count_repaired(len(found))
        return found

    async def _state_of(self, key: AggregateKey) -> KeyState:
        async with self._units() as uow:
            states = await version_gate.lock_states(uow.connection, self._consumer.name, [key])
        return states.get(key, KeyState())

    def _may_try_again(self, delivery: Delivery, error: Exception) -> bool:
        if len(self._attempts) > _ATTEMPTS_REMEMBERED_MAX:
            self._attempts.clear()
        self._attempts[delivery.event_id] += 1
        log.error(
            "applying failed",
            consumer=self._consumer.name,
            event_type=delivery.event_type,
            key=str(delivery.key),
            exc_info=error,
        )
        return self._attempts[delivery.event_id] < UNKNOWN_ATTEMPTS_MAX

    def _show_refused(self, delivery: Delivery, error: Exception) -> None:
        log.warning(
            "event refused, key parked",
            consumer=self._consumer.name,
            event_type=delivery.event_type,
            key=str(delivery.key),
            error=str(error)[:200],
        )
        with delivery.processing(self._consumer.name):
            telemetry.record_error(trace.get_current_span(), type(error).__qualname__, error)

    def _count_repaired(self, events: int) -> None:
        self.counts.repaired += events
        metrics.add("tandem_inbox_repaired_total", events, consumer=self._consumer.name)

    def _counted(self, plan: Plan) -> dict[str, Verdict]:
        name = self._consumer.name
        self.counts.applied += len(plan.accepted)
        self.counts.duplicates += len(plan.duplicates)
        self.counts.open_gaps -= {delivery.key for delivery in plan.accepted}
        metrics.add("tandem_inbox_applied_total", len(plan.accepted), consumer=name)
        metrics.add("tandem_inbox_duplicates_total", len(plan.duplicates), consumer=name)
        metrics.add("tandem_inbox_gaps_total", len(plan.gaps), consumer=name)
        done = [*plan.accepted, *plan.duplicates, *plan.parked]
        again = {delivery.event_id: Verdict.AGAIN for delivery in plan.ahead}
        return again | {delivery.event_id: Verdict.DONE for delivery in done}


@dataclass
class _Batch:
    """What all parts of one batch share; ``blocked`` keys failed and wait with all they have."""

    lease: Lease
    blocked: set[AggregateKey]
    gaps_wait: bool
