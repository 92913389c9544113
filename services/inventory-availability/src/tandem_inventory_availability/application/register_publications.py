"""RegisterPublications: what was last told to a source, so that its echo is no count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.domain.stock_signal import SourceKey


@dataclass(frozen=True)
class Publication:
    """Units last published to a source, with the token sent along."""

    source: SourceKey
    key: StockKey
    quantity: int
    token: str


class PublicationStore(Protocol):
    """Publications in one open transaction."""

    async def keep(self, publications: Sequence[Publication], now: datetime) -> None:
        """Writes the last publication of each source and position."""
        ...


async def register_publications(
    store: PublicationStore, publications: Sequence[Publication], now: datetime
) -> int:
    """How many were kept; of two for the same source and position the later."""
    last = {(item.source, item.key): item for item in publications}
    await store.keep([last[key] for key in sorted(last)], now)
    return len(last)
