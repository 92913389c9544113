"""One runtime per test, on a database nobody used before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tandem_connector_payment_simulator.server.process import ProviderProcess
from tandem_core.clock import FixedClock
from tandem_testing.child_process import free_port

from .runtime_under_test import PROVIDER_KEY, Running, running_connectors


@pytest.fixture
async def connectors(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> AsyncIterator[Running]:
    """Without a payment provider."""
    async with running_connectors(migrated_database("tandem_connectors"), clock) as running:
        yield running


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[ProviderProcess]:
    """A payment provider as its own process."""
    process = ProviderProcess(tmp_path, free_port(), PROVIDER_KEY)
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def paying(
    migrated_database: Callable[[str], str], clock: FixedClock, provider: ProviderProcess
) -> AsyncIterator[Running]:
    """With a payment provider."""
    url = migrated_database("tandem_connectors")
    async with running_connectors(url, clock, provider.url) as running:
        yield running
