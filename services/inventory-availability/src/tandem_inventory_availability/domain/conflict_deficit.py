"""How many units are missing at a place, by cause: on the shelf, behind a group's claims, behind a
quota, or on supply that counts no more.
"""

from __future__ import annotations

from typing import NamedTuple

from tandem_inventory_availability.domain.allocation import backing
from tandem_inventory_availability.domain.allocation_plan import PlanKey, ScopeLevel
from tandem_inventory_availability.domain.conflict_case import ConflictCause
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.room import Demand, Floor, Room
from tandem_inventory_availability.domain.stock_book import StockBook


class Shortage(NamedTuple):
    """Units missing for one cause."""

    cause: ConflictCause
    units: int


def worst(book: StockBook, place: Place) -> Shortage:
    """The cause most units are missing for; of equal ones the first. The units are not added up:
    one unit that is gone is often missing for several causes at once."""
    group = isinstance(place, GroupKey)
    first = ConflictCause.GROUP_SHORT if group else ConflictCause.DEFICIT
    found = [
        Shortage(first, _claims_short(book, place)),
        Shortage(ConflictCause.QUOTA_UNBACKED, quotas_short(book, place)),
        Shortage(ConflictCause.SUPPLY_LOST, sum(supply_lost(book, place).values())),
    ]
    return max(found, key=lambda shortage: shortage.units)


def _claims_short(book: StockBook, place: Place) -> int:
    """Claimed units that are not there. A group's are unpinned units that cannot be pinned
    anywhere: safety stock may serve them, and a negative shelf of a member is its own case."""
    if not isinstance(place, GroupKey):
        return book.positions[place].deficit
    claim = book.group_claims.get(place)
    if claim is None or not claim.units:
        return 0
    return max(0, -Room(book, Demand(), floor=Floor.ZERO).unclamped(place))


def quotas_short(book: StockBook, place: Place) -> int:
    """Units drawn of quotas that nothing stands behind, at most those that bring the pool back."""
    return min(sum(overdrawn(book, place).values()), max(0, -_pool(book, place)))


def overdrawn(book: StockBook, place: Place) -> dict[str, int]:
    """The same units by quota; empty where nothing shares the stock out."""
    scope = place.group if isinstance(place, GroupKey) else place.location
    plan = book.plans.get(PlanKey(place.tenant, place.sku, scope))
    level = ScopeLevel.GROUP if isinstance(place, GroupKey) else ScopeLevel.LOCATION
    if plan is None or plan.level is not level or not plan.drawn:
        return {}
    pool = _pool(book, place)
    return dict(backing(plan, pool, book.now).overdrawn) if pool < 0 else {}


def _pool(book: StockBook, place: Place) -> int:
    return Room(book, Demand()).unclamped(place)


def supply_lost(book: StockBook, place: Place) -> dict[str, int]:
    """Units waited for beyond what still counts, by supply line; a group waits for none."""
    if isinstance(place, GroupKey):
        return {}
    lost = {
        line.id: line.pegged - line.pegged_expired - line.counted for line in book.supply_of(place)
    }
    return {name: units for name, units in lost.items() if units > 0}
