"""Writes figures anew from what they are the sum of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey, StockPosition

_CLAIMS = {
    "hard_reserved": "hard",
    "soft_reserved": "soft",
    "unsettled": "unsettled",
    "leased": "leased",
    "backordered": "backordered",
    "position": "position",
}
_BUCKETS = {
    "on_hand": Bucket.SELLABLE,
    **{bucket.value.lower(): bucket for bucket in Bucket},
}


@dataclass(frozen=True)
class Repair:
    """A repair somebody asked for; without a location it is of the whole SKU."""

    id: str
    tenant: str
    sku: str
    location: str
    reason: str
    asked_by: str
    asked_at: datetime
    approved_by: str = ""


@dataclass(frozen=True)
class Difference:
    """A figure that is not the sum of its parts."""

    sku: str
    location: str
    group: str
    supply_line_id: str
    figure: str
    projected: int
    derived: int


def repair(book: StockBook, tenant: str, found: Sequence[Difference]) -> list[Difference]:
    """Puts the sums in place of the figures; those it changed.

    A gap in the ledger's numbers stays: entries are never written anew.
    """
    return [difference for difference in found if _repair(book, tenant, difference)]


def _repair(book: StockBook, tenant: str, found: Difference) -> bool:
    if found.supply_line_id:
        line = book.supply.get((tenant, found.supply_line_id))
        if line is None:
            return False
        line.pegged = found.derived
        book.changed_supply.add((tenant, line.id))
        return True
    if found.group:
        claim = book.change_group(GroupKey(tenant, found.sku, found.group))
        setattr(claim, found.figure.removeprefix("group_"), found.derived)
        return True
    key = StockKey(tenant, found.sku, found.location)
    return key in book.positions and _set(book.change(key), found)


def _set(position: StockPosition, found: Difference) -> bool:
    if found.figure in _BUCKETS:
        position.buckets[_BUCKETS[found.figure]] = found.derived
    elif found.figure in _CLAIMS:
        setattr(position, _CLAIMS[found.figure], found.derived)
    elif found.figure == "source_figure":
        # What the source counted is true; our own moves since then are what is left.
        position.local_net = position.on_hand - found.derived
    else:
        return False
    return True
