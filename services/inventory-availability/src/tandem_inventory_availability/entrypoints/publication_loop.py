"""Tells channels what they may promise, when that changed: drops at once, raises with patience."""

from __future__ import annotations

from tandem.inventory.v1 import events_pb2
from tandem_core.clock import Clock
from tandem_platform.database import Database
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres import publication_rows
from tandem_inventory_availability.adapters.postgres.allocation_reads import book_of, pool_of
from tandem_inventory_availability.adapters.wire.level_mapping import URGENT
from tandem_inventory_availability.domain.allocation import channel_available
from tandem_inventory_availability.domain.allocation_plan import AllocationPlan, ScopeLevel
from tandem_inventory_availability.domain.publication import (
    Told,
    policy_for,
    to_publish,
    urgent,
)
from tandem_inventory_availability.domain.stock_book import StockBook

SKUS_MAX = 500
"""SKUs with a plan looked at in one round; the next round takes the others."""
NEVER_TOLD = -1


class ChannelPublisher:
    """Compares what channels were told with what they may promise, a transaction for each SKU."""

    def __init__(self, units: UnitOfWorkFactory, database: Database, clock: Clock) -> None:
        self._units = units
        self._database = database
        self._clock = clock
        self._after = ("", "")

    async def publish(self) -> int:
        """One round; how many channels were told something new."""
        async with self._database.transaction() as connection:
            skus = await publication_rows.planned_skus(connection, self._after, SKUS_MAX)
        self._after = skus[-1] if len(skus) == SKUS_MAX else ("", "")
        return sum([await self._publish_sku(tenant, sku) for tenant, sku in skus])

    async def _publish_sku(self, tenant: str, sku: str) -> int:
        async with self._units() as uow:
            connection, now = uow.connection, self._clock.now()
            # Read under a lock of its own: a second replica would tell an older figure last.
            await publication_rows.lock(connection, tenant, sku)
            book = await book_of(connection, tenant, [sku], now)
            policies = await publication_rows.policies_for(connection, tenant, sku)
            known = {
                (item.key, item.channel): item.told
                for item in await publication_rows.told(connection, tenant, [sku])
            }
            count = 0
            for plan in book.plans.values():
                for channel in sorted({quota.channel for quota in plan.quotas}):
                    policy = policy_for(policies, channel, sku)
                    available = channel_available(plan, pool_of(book, plan), channel, now)
                    told = known.get((plan.key, channel))
                    quantity = to_publish(policy, available, told, now)
                    if quantity is not None:
                        await _tell(uow, book, plan, (channel, quantity, told))
                        count += 1
            if count:
                await uow.commit()
            return count


async def _tell(
    uow: UnitOfWork,
    book: StockBook,
    plan: AllocationPlan,
    change: tuple[str, int, Told | None],
) -> None:
    channel, quantity, told = change
    version = await publication_rows.tell(uow.connection, plan.key, channel, quantity, book.now)
    key, grouped = plan.key, plan.level is ScopeLevel.GROUP
    now_or_never = urgent(quantity, told)
    message = events_pb2.ChannelAvailabilityPublished(
        channel=channel,
        sku=key.sku,
        location="" if grouped else key.scope,
        group=key.scope if grouped else "",
        quantity=quantity,
        quantity_before=told.quantity if told else NEVER_TOLD,
        urgent=now_or_never,
    )
    uow.record(
        event_from(
            message,
            aggregate_type="channel_publication",
            aggregate_id=f"{channel}|{key.sku}|{key.scope}",
            aggregate_version=version,
            occurred_at=book.now,
            tenant=key.tenant,
            partition_key=URGENT,
        )
    )
