"""Reconciliation as in production, with the three services it listens to in miniature."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tandem.connector.v1 import events_pb2 as connector
from tandem.finance.v1 import events_pb2 as finance
from tandem.ops.v1.operations_service_pb2_grpc import OperationsServiceStub
from tandem.order.v1 import events_pb2 as order
from tandem.reconciliation.v1.reconciliation_service_pb2_grpc import ReconciliationServiceStub
from tandem_platform.database import Database
from tandem_platform.jetstream import JetStream
from tandem_testing.eventually import eventually
from tandem_testing.service_under_test import ServiceUnderTest
from tandem_testing.source_service import SourceService, source_service

NAME, PACKAGE = "reconciliation", "tandem_reconciliation"
SOURCES = {
    "order-orchestrator": order.PaymentCaptured,
    "finance-posting": finance.JournalPosted,
    "connectors": connector.GoodsReceived,
}
NO_WINDOWS = {
    "fulfilment_window_s": 0,
    "posting_window_s": 0,
    "settlement_window_s": 0,
    "own_records_window_s": 0,
    "run_interval_s": 3_600.0,
}


@dataclass
class Reconciled:
    """What a test tells, asks and sees."""

    service: ServiceUnderTest
    orders: SourceService
    books: SourceService
    connectors: SourceService
    database: Database
    stub: ReconciliationServiceStub
    operations: OperationsServiceStub

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query sees."""
        async with self.database.transaction() as connection:
            return [tuple(row) for row in await connection.execute(text(sql))]

    async def observed(self, expected: int, wait_s: float = 20.0) -> None:
        """Waits until exactly so many observations are kept."""

        async def count() -> int:
            return int((await self.rows("SELECT count(*) FROM observation"))[0][0])

        await eventually(count, expected, wait_s=wait_s)


@pytest.fixture
async def reconciled(
    tmp_path: Path, migrated_database: Callable[[str], str], nats_url: str
) -> AsyncIterator[Reconciled]:
    """The service around; not started yet. No side may wait for the other."""
    service, url = ServiceUnderTest(NAME, tmp_path, dict(NO_WINDOWS)), migrated_database(PACKAGE)
    bus, database, trusted = JetStream(nats_url, "test"), Database(url), {NAME: service.public_key}
    await bus.start()
    async with AsyncExitStack() as stack:
        sources = [
            await stack.enter_async_context(
                source_service(name, message, migrated_database(PACKAGE), bus, trusted)
            )
            for name, message in SOURCES.items()
        ]
        service.configure(url, nats_url, {source.name: source.port for source in sources})
        channel = await stack.enter_async_context(service.channel())
        yield Reconciled(
            service, *sources, database, ReconciliationServiceStub(channel),
            OperationsServiceStub(channel),
        )  # fmt: skip
    await database.close()
    await bus.stop()
