"""One service per test, on a database nobody used before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from tandem_core.clock import FixedClock

from .stock_under_test import Running, running_stock


@pytest.fixture
async def stock(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> AsyncIterator[Running]:
    url = migrated_database("tandem_inventory_availability")
    async with running_stock(url, clock) as running:
        yield running
