"""One running order service for the tests of a module; stock begins anew for each of them.

Starting NATS, two databases and the service takes a second, so tests share them and keep to their
own orders.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres

from ..order_service_under_test import Running, order_service
from ..stock_stub import Stock

PACKAGE = "tandem_order_orchestrator"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_service(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: EmbeddedPostgres,
    migrated_template: Callable[[str], str],
    nats_server: EmbeddedNats,
) -> AsyncIterator[Running]:
    nats_server.wipe()
    nats_server.start()
    names = [f"test_{secrets.token_hex(8)}" for _ in range(2)]
    template = migrated_template(PACKAGE)
    own, source = (postgres_server.create_database(name, template) for name in names)
    folder = tmp_path_factory.mktemp("keys")
    async with order_service(folder, (own, source), nats_server.url, Stock()) as running:
        yield running
    for name in names:
        postgres_server.drop_database(name)


@pytest_asyncio.fixture(loop_scope="module")
async def service(shared_service: Running) -> AsyncIterator[Running]:
    shared_service.stock.begin(
        {("MUG", "DC-1"): 10, ("TEE", "DC-1"): 1, ("TEE", "STORE-1"): 5},
    )
    yield shared_service
    shared_service.stock.gate.set()
    await shared_service.quiet()
