"""Reads what can be promised: positions, claims and policy of one moment, answered in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import Clock
from tandem_core.errors import DomainError
from tandem_platform.database import Database

from tandem_inventory_availability.adapters.postgres import (
    allocation_rows,
    availability_rows,
    position_reads,
    supply_rows,
)
from tandem_inventory_availability.adapters.postgres.allocation_reads import (
    book_of,
    channel_limit,
)
from tandem_inventory_availability.adapters.postgres.policy_rows import load_policies
from tandem_inventory_availability.domain.availability_answer import (
    Answer,
    ChannelLimit,
    StockView,
    no_limit,
)
from tandem_inventory_availability.domain.availability_terms import PolicyView
from tandem_inventory_availability.domain.errors import (
    GroupUnknown,
    LocationUnknown,
    SkuUnknown,
)
from tandem_inventory_availability.domain.policy_rules import FulfilmentMode
from tandem_inventory_availability.domain.stock_forecast import StockForecast
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import StockPosition
from tandem_inventory_availability.domain.supply_line import SupplyLine


@dataclass(frozen=True)
class AvailabilityQuestion:
    """What is asked; without locations and groups, all that ship, or with ``everywhere`` all."""

    tenant: str
    skus: Sequence[str]
    locations: Sequence[str] = ()
    groups: Sequence[str] = ()
    channel: str = ""
    mode: FulfilmentMode | None = None
    everywhere: bool = False


class AvailabilityReads:
    """Answers from one service database; ``fresh_for`` is the promise of sources without one."""

    def __init__(self, database: Database, clock: Clock, *, fresh_for: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._fresh_for = fresh_for

    def now(self) -> datetime:
        """The moment answers of now are true for."""
        return self._clock.now()

    async def answers(self, asked: AvailabilityQuestion, now: datetime) -> list[Answer]:
        """By SKU in order of name, then by priority, then groups.

        Raises SkuUnknown, LocationUnknown, GroupUnknown.
        """
        async with self._database.transaction() as connection:
            return answers_of(asked, await self.stock_view(connection, asked, now))

    async def answers_together(
        self, questions: Sequence[AvailabilityQuestion], now: datetime
    ) -> list[list[Answer] | Exception]:
        """Answers to questions of one tenant, channel and mode, from one read; errors are returned,
        so that one who asks for an unknown name leaves the others alone."""
        async with self._database.transaction() as connection:
            stock, unknown = await self._load(connection, questions, now)
        found: list[list[Answer] | Exception] = []
        for asked in questions:
            try:
                _check(asked, stock.view, unknown)
                found.append(answers_of(asked, stock))
            except DomainError as error:
                found.append(error)
        return found

    async def policy(self, tenant: str) -> StockPolicy:
        """The policy of now."""
        async with self._database.transaction() as connection:
            return (await load_policies(connection, [tenant]))[tenant]

    async def forecast(
        self, asked: AvailabilityQuestion, now: datetime, horizon: datetime
    ) -> StockForecast:
        """Stock and what is expected of it. Raises SkuUnknown, LocationUnknown, GroupUnknown."""
        async with self._database.transaction() as connection:
            stock = await self.stock_view(connection, replace(asked, everywhere=True), now)
            bundles = stock.view.policy.bundles
            parts = {part for sku in asked.skus for part in bundles.get(sku, {sku: 1})}
            lines = await supply_rows.open_lines(connection, asked.tenant, parts)
        supply: dict[tuple[str, str], list[SupplyLine]] = {}
        for line in lines:
            line.judged(stock.view.policy, now)
            supply.setdefault((line.key.sku, line.key.location), []).append(line)
        return StockForecast(stock, supply, horizon)

    async def everywhere(self, asked: AvailabilityQuestion, now: datetime) -> list[Answer]:
        """Answers of each location of one SKU, or of the members of one group.

        Raises SkuUnknown, GroupUnknown.
        """
        async with self._database.transaction() as connection:
            stock = await self.stock_view(connection, replace(asked, everywhere=True), now)
        places = stock.locations_of(asked.skus[0])
        for name in asked.groups:
            group = stock.view.policy.group(name, now)
            places = [place for place in places if group is not None and place in group.members]
        found = (stock.at_location(asked.skus[0], place) for place in places)
        return [answer for answer in found if answer is not None]

    async def stock_view(
        self, connection: AsyncConnection, asked: AvailabilityQuestion, now: datetime
    ) -> StockView:
        """Everything answers rest on. Raises SkuUnknown, LocationUnknown, GroupUnknown."""
        stock, unknown = await self._load(connection, [asked], now)
        _check(asked, stock.view, unknown)
        return stock

    async def _load(
        self, connection: AsyncConnection, questions: Sequence[AvailabilityQuestion], now: datetime
    ) -> tuple[StockView, set[str]]:
        """The stock questions are about, and the SKUs among them that are not in the catalogue."""
        first = questions[0]
        policy = (await load_policies(connection, [first.tenant]))[first.tenant]
        skus = {sku for asked in questions for sku in asked.skus}
        parts = {part for sku in skus for part in policy.bundles.get(sku, {sku: 1})}
        claims = {}
        if policy.group_rules:
            # Before the positions: a claim pinned in between counts twice, never not at all.
            claims = await position_reads.group_claims(connection, first.tenant, parts, now)
        scope: set[str] | None = set()
        for asked in questions:
            # Unpinned claims reach over all members of a group, so their other positions count too.
            everywhere = asked.everywhere or claims or scope is None
            scope = None if everywhere else (scope or set()) | _places(asked, policy, now)
        found = _by_sku(await position_reads.positions(connection, first.tenant, parts, scope, now))
        # Whatever has a position is known; the others are looked up.
        unsure = sorted(sku for sku in skus if sku not in found)
        unknown = set()
        if unsure:
            missing = await availability_rows.unknown_skus(connection, first.tenant, unsure)
            unknown = {unsure[number] for number in missing}
        limit = await _channel_limit(connection, first, sorted(parts), now)
        view = PolicyView(policy, now, first.mode)
        return StockView(view, found, claims, limit, self._fresh_for), unknown


def answers_of(asked: AvailabilityQuestion, stock: StockView) -> list[Answer]:
    """By SKU in order of name, then by priority, then groups."""
    wanted = set(asked.locations)
    if not asked.locations and not asked.groups:
        wanted = _places(asked, stock.view.policy, stock.view.now)
    found: list[Answer | None] = []
    for sku in sorted(set(asked.skus)):
        at = [place for place in stock.locations_of(sku) if place in wanted]
        found += [stock.at_location(sku, place) for place in at]
        found += [stock.of_group(sku, group) for group in asked.groups]
    return [answer for answer in found if answer is not None]


def _places(asked: AvailabilityQuestion, policy: StockPolicy, now: datetime) -> set[str]:
    """Locations the answers rest on."""
    if not asked.locations and not asked.groups:
        return {place.id for place in policy.locations.values() if place.ships}
    groups = (policy.group(name, now) for name in asked.groups)
    return {*asked.locations, *(place for group in groups if group for place in group.members)}


async def _channel_limit(
    connection: AsyncConnection, asked: AvailabilityQuestion, skus: Sequence[str], now: datetime
) -> ChannelLimit:
    """What the channel's allocation leaves; only asked of SKUs somebody shares out."""
    if not asked.channel or not await allocation_rows.of_skus(connection, asked.tenant, skus):
        return no_limit
    book = await book_of(connection, asked.tenant, skus, now)
    return channel_limit(book, asked.tenant, asked.channel)


def _check(asked: AvailabilityQuestion, view: PolicyView, unknown: Collection[str]) -> None:
    for number, location in enumerate(asked.locations):
        if location not in view.policy.locations:
            raise LocationUnknown(location, f"locations[{number}]")
    for number, group in enumerate(asked.groups):
        if view.policy.group(group, view.now) is None:
            raise GroupUnknown(group, f"groups[{number}]")
    for number, sku in enumerate(asked.skus):
        if sku in unknown:
            raise SkuUnknown(sku, f"skus[{number}]")


def _by_sku(positions: Collection[StockPosition]) -> dict[str, dict[str, StockPosition]]:
    found: dict[str, dict[str, StockPosition]] = {}
    for position in positions:
        found.setdefault(position.key.sku, {})[position.key.location] = position
    return found
