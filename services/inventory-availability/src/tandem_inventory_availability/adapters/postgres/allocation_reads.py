"""What channels may promise, read without locks: a book of one moment that nobody writes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import Clock
from tandem_platform.database import Database

from tandem_inventory_availability.adapters.postgres import (
    allocation_rows,
    availability_rows,
    expired_holds,
    lease_rows,
    position_reads,
    publication_rows,
)
from tandem_inventory_availability.adapters.postgres.policy_rows import load_policies
from tandem_inventory_availability.adapters.postgres.publication_rows import Publication
from tandem_inventory_availability.domain.allocation import channel_available
from tandem_inventory_availability.domain.allocation_plan import (
    AllocationPlan,
    PlanKey,
    ScopeLevel,
)
from tandem_inventory_availability.domain.errors import (
    GroupUnknown,
    LocationUnknown,
    SkuUnknown,
)
from tandem_inventory_availability.domain.group_claim import GroupClaim
from tandem_inventory_availability.domain.publication import PublicationPolicy
from tandem_inventory_availability.domain.quota_lease import QuotaLease
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.room import Demand, Room
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey, StockPosition

ChannelLimit = Callable[[str, str, str], int | None]


async def book_of(
    connection: AsyncConnection, tenant: str, skus: Sequence[str], now: datetime
) -> StockBook:
    """Positions, group claims and plans of SKUs, with what has expired taken off."""
    book = StockBook(now, policies=await load_policies(connection, [tenant]))
    for position in await position_reads.positions(connection, tenant, skus, None, now):
        book.positions[position.key] = position
    claims = await position_reads.group_claims(connection, tenant, skus, now)
    for (sku, group), units in claims.items():
        key = GroupKey(tenant, sku, group)
        book.group_claims[key] = GroupClaim(key, hard=units)
    book.known_skus = {(tenant, sku) for sku in skus}
    for plan in await allocation_rows.of_skus(connection, tenant, skus):
        book.plans[plan.key] = plan
    await lease_rows.load(connection, book, ())
    if book.plans:
        await expired_holds.load(connection, book)
    return book


def pool_of(book: StockBook, plan: AllocationPlan) -> int:
    """What a plan shares out, before it is cut at zero."""
    place = plan.place
    if isinstance(place, StockKey) and place not in book.positions:
        return 0
    return Room(book, Demand()).unclamped(place)


def channel_limit(book: StockBook, tenant: str, channel: str) -> ChannelLimit:
    """What a channel may promise of a SKU at a place; None where no plan stands."""

    def limit(sku: str, location: str, group: str) -> int | None:
        place: Place = GroupKey(tenant, sku, group) if group else StockKey(tenant, sku, location)
        plan = book.plan_of(place)
        if plan is None:
            return None
        return channel_available(plan, pool_of(book, plan), channel, book.now)

    return limit


class AllocationReads:
    """Reads of one service database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def now(self) -> datetime:
        """The moment answers of now are true for."""
        return self._clock.now()

    async def book(self, tenant: str, skus: Sequence[str]) -> StockBook:
        """All that answers about plans of SKUs rest on."""
        async with self._database.transaction() as connection:
            return await book_of(connection, tenant, skus, self._clock.now())

    async def checked_book(self, key: PlanKey, level: ScopeLevel) -> StockBook:
        """The same for one place. Raises SkuUnknown, LocationUnknown, GroupUnknown."""
        await self.check_skus(key.tenant, [key.sku])
        book = await self.book(key.tenant, [key.sku])
        policy = book.policy(key.tenant)
        if level is ScopeLevel.GROUP and policy.group(key.scope, book.now) is None:
            raise GroupUnknown(key.scope, "group")
        if level is ScopeLevel.LOCATION and key.scope not in policy.locations:
            raise LocationUnknown(key.scope, "location")
        place = StockKey(key.tenant, key.sku, key.scope)
        if level is ScopeLevel.LOCATION:
            book.positions.setdefault(place, StockPosition(place))
        return book

    async def check_skus(self, tenant: str, skus: Sequence[str]) -> None:
        """Raises SkuUnknown."""
        async with self._database.transaction() as connection:
            unknown = await availability_rows.unknown_skus(connection, tenant, skus)
        if unknown:
            raise SkuUnknown(skus[unknown[0]], f"skus[{unknown[0]}]")

    async def plans(
        self, tenant: str, sku: str, after: tuple[str, str], rows: int
    ) -> list[AllocationPlan]:
        """A page of plans."""
        async with self._database.transaction() as connection:
            return await allocation_rows.page(connection, tenant, sku, after, rows)

    async def told(self, tenant: str, skus: Sequence[str]) -> list[Publication]:
        """What channels were last told."""
        async with self._database.transaction() as connection:
            return await publication_rows.told(connection, tenant, skus)

    async def policies(
        self, tenant: str, channel: str, after: tuple[str, str], rows: int
    ) -> list[PublicationPolicy]:
        """A page of publication policies."""
        async with self._database.transaction() as connection:
            return await publication_rows.page(connection, tenant, channel, after, rows)

    async def leases(
        self, tenant: str, filters: tuple[str, str, str], before: str | None, rows: int
    ) -> list[QuotaLease]:
        """A page of leases, newest first."""
        async with self._database.transaction() as connection:
            return await lease_rows.page(connection, tenant, filters, before, rows)

    async def ended_leases(self, rows: int) -> list[tuple[str, str]]:
        """Tenant and id of leases that are over and not tidied yet."""
        async with self._database.transaction() as connection:
            return await lease_rows.ended(connection, self._clock.now(), rows)
