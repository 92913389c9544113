"""Listens to the orders: what is due from a payment provider becomes a command."""

import asyncio
from collections.abc import Callable

from tandem.order.v1 import events_pb2
from tandem_core.clock import Clock
from tandem_platform.consumer import Consumer, one_by_one
from tandem_platform.delivery import Delivery
from tandem_platform.unit_of_work import UnitOfWork

from tandem_connectors.adapters.postgres.transaction import PostgresTransaction
from tandem_connectors.adapters.trace_context import TelemetryTraces
from tandem_connectors.adapters.wire.payment_due_mapping import to_command
from tandem_connectors.application.queue_payment import QueuePayment

STREAM = "EVT_ORDER"
PAYMENT_DUE = events_pb2.PaymentDue.DESCRIPTOR.full_name
# The batch's commit comes after `apply`; waking the loop at once would find nothing yet.
WAKE_AFTER_SECONDS = 0.02


class OrderEvents:
    """Queues commands; all other events of orders pass."""

    def __init__(
        self, queue: QueuePayment, clock: Clock, owner: str, wake: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._owner = owner
        self._wake = wake
        self._traces = TelemetryTraces()

    def consumer(self) -> Consumer:
        """The consumer as the platform runs it."""
        return Consumer(
            name=f"connectors-{STREAM.lower()}",
            stream=STREAM,
            aggregate_types=frozenset({"order"}),
            apply=one_by_one(self._handle),
        )

    async def _handle(self, unit: UnitOfWork, delivery: Delivery) -> None:
        if delivery.event_type != PAYMENT_DUE:
            return
        due = events_pb2.PaymentDue.FromString(delivery.payload)
        await self._queue.handle(
            PostgresTransaction(unit, self._owner),
            delivery.tenant,
            due.payment_method,
            to_command(due),
            (self._clock.now(), self._traces.carrier()),
        )
        asyncio.get_running_loop().call_later(WAKE_AFTER_SECONDS, self._wake)
