"""One running order service per test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ..order_service_under_test import Running, order_service
from ..stock_stub import Stock

PACKAGE = "tandem_order_orchestrator"


@pytest.fixture
async def service(
    tmp_path: Path, migrated_database: Callable[[str], str], nats_url: str
) -> AsyncIterator[Running]:
    stock = Stock(on_hand={("MUG", "DC-1"): 10, ("TEE", "DC-1"): 1, ("TEE", "STORE-1"): 5})
    urls = (migrated_database(PACKAGE), migrated_database(PACKAGE))
    async with order_service(tmp_path, urls, nats_url, stock) as running:
        yield running
