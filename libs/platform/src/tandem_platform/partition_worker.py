"""Reads one partition for one consumer: fetch, settle, acknowledge, for as long as it is ours."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import nats
from nats.aio.msg import Msg

from tandem_platform import delivery as deliveries
from tandem_platform.batch_applier import BatchApplier, Verdict
from tandem_platform.delivery import Delivery, HeadersUnreadable
from tandem_platform.failure_kind import FailureKind, kind_of
from tandem_platform.fault_points import fp
from tandem_platform.jetstream import BusUnavailable, JetStream
from tandem_platform.leases import Lease, LeaseLost
from tandem_platform.pull_subscription import PullSubscription
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

BATCH_MESSAGES_MAX = 100
AGAIN_S_MIN = 0.5
AGAIN_S_MAX = 30.0
REST_FACTOR = 2.0
REST_S_MAX = 0.1
PAUSE_S_MIN = 0.2
PAUSE_S_MAX = 5.0
STOP_WAIT_S_MAX = 10.0


class Listens(Protocol):
    """The part of a consumer's declaration that is needed here."""

    @property
    def name(self) -> str:
        """Name of the consumer."""
        ...

    @property
    def stream(self) -> str:
        """Stream it reads."""
        ...

    @property
    def aggregate_types(self) -> frozenset[str]:
        """Types it applies; all others are acknowledged unseen."""
        ...


class PartitionWorker:
    """The task of one leased partition."""

    def __init__(
        self, consumer: Listens, lease: Lease, bus: JetStream, applier: BatchApplier
    ) -> None:
        self.lease = lease
        self.standing_still = asyncio.Lock()
        """Held while the partition is repaired beside the bus; no batch is applied meanwhile."""
        self._consumer = consumer
        self._bus = bus
        self._applier = applier
        self._subscription: PullSubscription | None = None
        self._began = False
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to read."""
        self._task = asyncio.create_task(self._run(), name=f"{self.lease.name} worker")

    async def stop(self) -> None:
        """Finishes the batch in hand; what was fetched beyond it comes again elsewhere."""
        self._stopping = True
        if self._task is None:
            return
        try:
            # Only the wait for messages is cut short, not a batch, which holds the lock.
            async with asyncio.timeout(STOP_WAIT_S_MAX), self.standing_still:
                self._task.cancel()
        except TimeoutError:
            log.warning("worker stopped in the middle of a batch", partition=self.lease.partition)
            self._task.cancel()
        await asyncio.wait({self._task})
        if self._subscription is not None:
            await self._subscription.close()

    def lost(self, held: Mapping[int, Lease]) -> bool:
        """True when the lease this worker was started with is not among those held."""
        return held.get(self.lease.partition) != self.lease

    async def _run(self) -> None:
        failures = 0
        while not self._stopping:
            try:
                messages = await self._fetch()
                if messages:
                    began = time.monotonic()
                    async with self.standing_still:
                        await self._settle(messages)
                    await self._rest(len(messages), time.monotonic() - began)
                failures = 0
            except LeaseLost:
                log.info("partition taken over", partition=self.lease.partition)
                return
            except Exception as error:  # noqa: BLE001  logged by kind in _pause
                failures += 1
                await self._pause(error, failures)

    async def _rest(self, batch: int, took_s: float) -> None:
        """Lets the next batch grow: a batch costs about the same for one event as for fifty.

        A full batch is followed at once; after a small one the worker rests as long as
        REST_FACTOR times the work, so under load it makes larger transactions, not more.
        """
        if batch < BATCH_MESSAGES_MAX:
            await asyncio.sleep(min(REST_S_MAX, took_s * REST_FACTOR))

    async def _fetch(self) -> list[Msg]:
        if self._subscription is None:
            name, stream = self._consumer.name, self._consumer.stream
            durable = await self._bus.ensure_consumer(name, stream, self.lease.partition)
            if not self._began:
                await self._bus.redeliver(stream, durable)
                self._began = True
            self._subscription = PullSubscription(self._bus, stream, durable, BATCH_MESSAGES_MAX)
        return await self._subscription.fetch()

    async def _pause(self, error: Exception, failures: int) -> None:
        if isinstance(error, BusUnavailable):
            # The durable may have gone with its stream: made anew on the next pass.
            await self._drop_subscription()
        elif kind_of(error) is not FailureKind.TRANSIENT:
            log.error("partition worker failed", consumer=self._consumer.name, exc_info=error)
            # What was fetched and not answered would wait for the ack wait: asked for anew.
            await self._drop_subscription()
            self._began = False
        pause_s = min(PAUSE_S_MAX, PAUSE_S_MIN * 2.0 ** min(failures, 10))
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))

    async def _drop_subscription(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            try:
                await subscription.close()
            except (nats.errors.Error, OSError) as error:
                log.info("subscription ended with its connection", error=str(error))

    async def _settle(self, messages: Sequence[Msg]) -> None:
        read = [(message, self._read(message)) for message in messages]
        batch = [
            delivery
            for _, delivery in read
            if delivery and delivery.aggregate_type in self._consumer.aggregate_types
        ]
        try:
            verdicts = await self._applier.settle(self.lease, batch) if batch else {}
        except Exception:
            await self._send_back(messages)
            raise
        await fp("consumer.before_ack")
        for message, delivery in read:
            await self._answer(message, verdicts.get(delivery.event_id) if delivery else None)
        await fp("consumer.after_ack")

    def _read(self, message: Msg) -> Delivery | None:
        try:
            return deliveries.from_message(
                message.headers or {}, message.data, message.metadata.sequence.stream
            )
        except HeadersUnreadable as error:
            # No key, so nothing to park; only somebody with rights on the stream can send it.
            log.error("foreign message on the stream", subject=message.subject, error=str(error))
            return None

    async def _answer(self, message: Msg, verdict: Verdict | None) -> None:
        if verdict is Verdict.AGAIN:
            await message.nak(delay=_again_s(message))
        else:
            await message.ack()

    async def _send_back(self, messages: Sequence[Msg]) -> None:
        for message in messages:
            try:
                await message.nak(delay=_again_s(message))
            except (nats.errors.Error, OSError):
                # Without a connection they come again by themselves after the ack wait.
                return


def _again_s(message: Msg) -> float:
    """A growing pause, spread so that a whole partition does not come back in one instant."""
    delivered = message.metadata.num_delivered or 1
    pause_s = min(AGAIN_S_MAX, AGAIN_S_MIN * 2.0 ** min(delivered - 1, 10))
    return pause_s * random.uniform(0.7, 1.0)
