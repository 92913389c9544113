"""RequestCount: the people at a location shall count a position."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_inventory_availability.domain.stock_position import Bucket, StockKey


@dataclass(frozen=True)
class CountRequest:
    """A count somebody asked for."""

    id: str
    key: StockKey
    state: Bucket
    reason: str
    created_at: datetime
    counted_at: datetime | None = None


class CountStore(Protocol):
    """Count requests in one open transaction."""

    async def check_known(self, key: StockKey) -> None:
        """Raises SkuUnknown, LocationUnknown."""
        ...

    async def ask(self, key: StockKey, state: Bucket, reason: str, now: datetime) -> CountRequest:
        """The open request of the position: a new one, or the one that was open."""
        ...


async def request_count(
    store: CountStore, key: StockKey, state: Bucket, reason: str, now: datetime
) -> CountRequest:
    """The open request. Raises SkuUnknown, LocationUnknown."""
    await store.check_known(key)
    return await store.ask(key, state, reason, now)
