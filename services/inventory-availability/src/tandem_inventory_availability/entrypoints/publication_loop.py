"""Tells channels what they may promise, when that changed: drops at once, raises with patience."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection
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


@dataclass(frozen=True)
class _News:
    plan: AllocationPlan
    channel: str
    quantity: int
    told: Told | None


class ChannelPublisher:
    """Compares what channels were told with what they may promise, and tells what changed, a
    transaction for each SKU."""

    def __init__(self, units: UnitOfWorkFactory, database: Database, clock: Clock) -> None:
        self._units = units
        self._database = database
        self._clock = clock
        self._after = ("", "")

    async def publish(self) -> int:
        """One round; how many channels were told something new."""
        async with self._database.transaction() as connection:
            skus = await publication_rows.planned_skus(connection, self._after, SKUS_MAX)
            # Looked at together and without locks; mostly there is nothing to tell.
            due = [
                (tenant, sku)
                for tenant in sorted({key[0] for key in skus})
                for sku in await self._due(
                    connection, tenant, [x[1] for x in skus if x[0] == tenant]
                )
            ]
        self._after = skus[-1] if len(skus) == SKUS_MAX else ("", "")
        return sum([await self._publish_sku(tenant, sku) for tenant, sku in due])

    async def _due(self, connection: AsyncConnection, tenant: str, skus: list[str]) -> list[str]:
        _, news = await self._news(connection, tenant, skus)
        return sorted({item.plan.key.sku for item in news})

    async def _news(
        self, connection: AsyncConnection, tenant: str, skus: list[str]
    ) -> tuple[StockBook, list[_News]]:
        book = await book_of(connection, tenant, skus, self._clock.now())
        policies = await publication_rows.policies_for(connection, tenant, skus)
        known = {
            (item.key, item.channel): item.told
            for item in await publication_rows.told(connection, tenant, skus)
        }
        news = []
        for plan in book.plans.values():
            pool = pool_of(book, plan)
            for channel in sorted({quota.channel for quota in plan.quotas}):
                told = known.get((plan.key, channel))
                policy = policy_for(policies, channel, plan.key.sku)
                available = channel_available(plan, pool, channel, book.now)
                quantity = to_publish(policy, available, told, book.now)
                if quantity is not None:
                    news.append(_News(plan, channel, quantity, told))
        return book, news

    async def _publish_sku(self, tenant: str, sku: str) -> int:
        async with self._units() as uow:
            # Worked out again under a lock: a second replica would tell an older figure last.
            await publication_rows.lock(uow.connection, tenant, sku)
            book, news = await self._news(uow.connection, tenant, [sku])
            for item in news:
                await _tell(uow, book, item)
            if news:
                await uow.commit()
            return len(news)


async def _tell(uow: UnitOfWork, book: StockBook, news: _News) -> None:
    plan, channel, quantity, told = news.plan, news.channel, news.quantity, news.told
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
