"""Locks and loads what a batch of commands decides on.

Positions are locked before their groups' claims are known for certain: another batch may just have
made the first claim on a group. So the scope is worked out, locked, and worked out again; when it
grew, the locks are given back and taken anew in the one order, for locks taken late would deadlock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres import (
    allocation_rows,
    conflict_rows,
    expired_holds,
    group_rows,
    lease_rows,
    reservation_rows,
    stock_rows,
    supply_rows,
)
from tandem_inventory_availability.adapters.postgres.policy_rows import last_known, load_policies
from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.errors import StockBusy
from tandem_inventory_availability.domain.lock_scope import LockScope, ScopeBuilder
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_line import Place
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import StockKey

ATTEMPTS_MAX = 5
"""Each new attempt means that a first claim on a group, or a change of policy, came in between."""


async def open_batch(connection: AsyncConnection, book: StockBook, needs: Sequence[Needs]) -> None:
    """Takes the rows into the book, locked in one order. Raises StockBusy."""
    owners = [owner for need in needs for owner in need.owners]
    named = {key for need in needs for key in need.reservations}
    held = await reservation_rows.lock_owners(connection, owners)
    # Read once without a lock to learn their places, and again with it.
    seen = await reservation_rows.reservations(connection, named, lock=False)
    supply = [key for need in needs for key in need.supply]
    places = _places(needs, [*held, *seen]) | await supply_rows.places(connection, supply)
    cases = {key for need in needs for key in need.cases}
    places |= await conflict_rows.places(connection, cases)
    places |= await lease_rows.places(connection, {key for need in needs for key in need.leases})
    await _lock_places(connection, book, places)
    planning = {sku for need in needs for sku in need.planning}
    await allocation_rows.lock(connection, book, planning)
    await supply_rows.load(connection, book, supply)
    await lease_rows.load(connection, book, needs)
    await conflict_rows.load(connection, book, cases)
    ids = {(r.tenant, r.id) for r in (*held, *seen)}
    ids |= await supply_rows.waiting(connection, book, supply)
    book.remember(await reservation_rows.reservations(connection, ids, lock=True))
    await expired_holds.load(connection, book)
    shipments = [key for need in needs for key in need.shipments]
    for item in await reservation_rows.evidence(connection, shipments):
        book.evidence[item.key] = item
    lines = [line for need in needs for line in need.booked]
    book.booked = await reservation_rows.booked(connection, lines)


def _places(needs: Sequence[Needs], reservations: Sequence[Reservation]) -> set[Place]:
    places: set[Place] = set()
    for need in needs:
        places.update(need.keys)
        places.update(need.places)
    by_id = {(r.tenant, r.id): r for r in reservations}
    for tenant, reservation_id, location in (t for need in needs for t in need.targets):
        found = by_id.get((tenant, reservation_id))
        for line in found.lines if found else ():
            places.add(StockKey(tenant, line.sku, location))
    return places | {place for found in reservations for place in found.places}


async def _lock_places(connection: AsyncConnection, book: StockBook, places: set[Place]) -> None:
    tenants = {place.tenant for place in places}
    policies = last_known(tenants) or await load_policies(connection, tenants)
    for _ in range(ATTEMPTS_MAX):
        scope = await _scope(connection, book, policies, places)
        attempt = await connection.begin_nested() if _has_groups(policies) else None
        await _lock(connection, book, scope)
        now_valid = await load_policies(connection, tenants)
        if now_valid == policies and attempt is None:
            book.policies = policies
            return
        grown = await _scope(connection, book, now_valid, places)
        if attempt is not None and grown.within(scope):
            await attempt.commit()
            book.policies = now_valid
            return
        if attempt is not None:
            await attempt.rollback()
        book.positions.clear()
        book.group_claims.clear()
        policies = now_valid
    raise StockBusy("positions")


async def _scope(
    connection: AsyncConnection,
    book: StockBook,
    policies: Mapping[str, StockPolicy],
    places: set[Place],
) -> LockScope:
    builder = ScopeBuilder(policies, book.now)
    builder.add(places)
    if not _has_groups(policies):
        return builder.scope(())
    skus = builder.scope(()).skus
    claimed = await group_rows.claimed(connection, skus)
    return builder.scope(claimed | await allocation_rows.planned_groups(connection, skus))


async def _lock(connection: AsyncConnection, book: StockBook, scope: LockScope) -> None:
    await stock_rows.lock_positions(connection, book, scope.keys, scope.members)
    if scope.groups or scope.members:
        book.group_claims = await group_rows.lock(connection, scope.groups, scope.skus)
        await stock_rows.learn_skus(connection, book, {(g.tenant, g.sku) for g in scope.groups})


def _has_groups(policies: Mapping[str, StockPolicy]) -> bool:
    return any(policy.group_rules for policy in policies.values())
