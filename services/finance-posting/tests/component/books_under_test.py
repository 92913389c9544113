"""The posting service as in production, with the two services it listens to in miniature."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text
from tandem.connector.v1 import events_pb2 as connector
from tandem.finance.v1.ledger_service_pb2_grpc import LedgerServiceStub
from tandem.finance.v1.posting_service_pb2_grpc import PostingServiceStub
from tandem.ops.v1.operations_service_pb2_grpc import OperationsServiceStub
from tandem.order.v1 import events_pb2 as order
from tandem_finance_posting.bootstrap import build
from tandem_finance_posting.settings import FinanceSettings
from tandem_platform.database import Database
from tandem_platform.jetstream import JetStream
from tandem_testing.eventually import eventually
from tandem_testing.service_under_test import ServiceUnderTest
from tandem_testing.source_service import SourceService, source_service

NAME, PACKAGE = "finance-posting", "tandem_finance_posting"


@dataclass
class Books:
    """What a test tells, asks and sees."""

    service: ServiceUnderTest
    orders: SourceService
    connectors: SourceService
    database: Database
    ledger: LedgerServiceStub
    posting: PostingServiceStub
    operations: OperationsServiceStub

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The service in this process."""
        async with self.service.in_process(FinanceSettings, build):
            yield

    def start(self, faults: str = "") -> subprocess.Popen[bytes]:
        """The service as a process of its own."""
        return self.service.start(PACKAGE, faults)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query sees."""
        async with self.database.transaction() as connection:
            return [tuple(row) for row in await connection.execute(text(sql))]

    async def journals(self) -> dict[str, int]:
        """Journals by type of their event."""
        found = await self.rows("SELECT event_type, count(*) FROM journal GROUP BY 1")
        return {row[0]: row[1] for row in found}

    async def become(self, journals: dict[str, int], wait_s: float = 20.0) -> None:
        """Waits until exactly these journals are there."""
        await eventually(self.journals, journals, wait_s=wait_s)

    async def dead_letters(self) -> list[tuple[Any, ...]]:
        """Reasons and aggregates of open dead letters."""
        sql = "SELECT reason, agg_id FROM dead_letter WHERE state = 'OPEN' ORDER BY 1, 2"
        return await self.rows(sql)

    async def balances(self) -> dict[str, int]:
        """What each role holds, debit positive; roles at zero are left out."""
        sql = """SELECT role, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END)
                 FROM journal_line GROUP BY role"""
        return {row[0]: int(row[1]) for row in await self.rows(sql) if row[1]}


@asynccontextmanager
async def books_under_test(
    folder: Path, database_of: Callable[[str], str], nats_url: str
) -> AsyncIterator[Books]:
    """Everything around the service; the test starts it the way it wants."""
    service, url = ServiceUnderTest(NAME, folder), database_of(PACKAGE)
    bus, database, trusted = JetStream(nats_url, "test"), Database(url), {NAME: service.public_key}
    await bus.start()
    async with (
        source_service(
            "order-orchestrator", order.PaymentCaptured, database_of(PACKAGE), bus, trusted
        ) as orders,
        source_service(
            "connectors", connector.GoodsReceived, database_of(PACKAGE), bus, trusted
        ) as connectors,
    ):
        service.configure(url, nats_url, {s.name: s.port for s in (orders, connectors)})
        async with service.channel() as channel:
            yield Books(
                service, orders, connectors, database, LedgerServiceStub(channel),
                PostingServiceStub(channel), OperationsServiceStub(channel),
            )  # fmt: skip
    await database.close()
    await bus.stop()
