"""Takes in events with a financial consequence and posts them in the consumer's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tandem_core.clock import Clock
from tandem_core.errors import DomainError
from tandem_platform import telemetry
from tandem_platform.delivery import Delivery
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_finance_posting.adapters.postgres.posting_transaction import PostgresPostingTransaction
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.wire.source_event_mapping import (
    EntityOf,
    SourceEvent,
    from_source,
)
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.application.release_held_events import ReleaseHeldEvents
from tandem_finance_posting.domain.finance_event import FinanceEvent

log = get_logger(__name__)

HELD_PAGES_MAX = 1_000
"""Pages of one round; the next round begins at the first event again."""
ORDER_AGGREGATES = frozenset({"order"})
FREEING = frozenset({"po.received", "shipment.confirmed"})
"""Types of events others wait for: goods for their cost, a return for its shipment."""
CONNECTOR_AGGREGATES = frozenset({"goods_receipt"})


class SourceEvents:
    """Posts what other services tell."""

    def __init__(self, rules: RuleStore, entity_of: EntityOf, clock: Clock, service: str) -> None:
        self._rules = rules
        self._entity_of = entity_of
        self._clock = clock
        self._service = service
        self._received: list[Callable[[], None]] = []

    def on_receipt(self, listener: Callable[[], None]) -> None:
        """Calls ``listener`` when costs were received that may free held events."""
        self._received.append(listener)

    async def apply(self, uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
        """Posts a batch. Raises the first error, so that its event becomes a dead letter."""
        events = [e for e in map(self._from_delivery, deliveries) if e is not None]
        if not events:
            return
        transaction = PostgresPostingTransaction(uow, self._rules)
        results = await post_finance_events(transaction, events, self._clock.now())
        for result in results:
            if isinstance(result, DomainError):
                raise result
        if any(event.type in FREEING for event in events):
            for listener in self._received:
                listener()

    def _from_delivery(self, delivery: Delivery) -> FinanceEvent | None:
        with delivery.processing(self._service):
            headers: dict[str, str] = {}
            telemetry.inject(headers)
            source = SourceEvent(
                event_id=delivery.event_id,
                event_type=delivery.event_type,
                source=delivery.source,
                tenant=delivery.tenant,
                occurred_at=delivery.occurred_at,
                payload=delivery.payload,
                trace_headers=headers,
            )
            return from_source(source, self._entity_of)


class HeldEvents:
    """Posts held events when what they miss has arrived."""

    def __init__(
        self, units: UnitOfWorkFactory, rules: RuleStore, clock: Clock, *, rows_max: int
    ) -> None:
        self._units = units
        self._rules = rules
        self._clock = clock
        self._rows_max = rows_max

    async def release(self) -> int:
        """One round over all held events, a transaction for each page; how many were posted."""
        command = ReleaseHeldEvents(self._rows_max)
        posted, after = 0, 0
        for _ in range(HELD_PAGES_MAX):
            async with self._units() as uow:
                transaction = PostgresPostingTransaction(uow, self._rules)
                released = await command.page(transaction, after, self._clock.now())
                await uow.commit()
            posted += released.posted
            for event, error in released.refused:
                log.warning("held event refused", event_key=event.key, reason=error.reason)
            if released.next_after is None:
                break
            after = released.next_after
        return posted
