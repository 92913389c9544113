"""One gateway for all component tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from .gateway_under_test import RunningGateway, running_gateway
from .services_behind import IngressDouble, OrderDouble


@pytest.fixture
def orders() -> OrderDouble:
    return OrderDouble()


@pytest.fixture
def ingress() -> IngressDouble:
    return IngressDouble()


@pytest.fixture
async def gateway(
    migrated_database: Callable[[str], str],
    tmp_path: Path,
    orders: OrderDouble,
    ingress: IngressDouble,
) -> AsyncIterator[RunningGateway]:
    backends: dict[str, list[object]] = {
        "order-orchestrator": [orders],
        "connectors": [ingress],
    }
    url = migrated_database("tandem_gateway")
    async with running_gateway(url, tmp_path, backends) as running:
        yield running
