"""Services of export and estimates over a real socket, for two persons, without bus and consumers.

The whole service takes seconds to start; what these rpcs do does not depend on the rest of it.
That they are part of it is shown by one test of each that starts all of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import grpc
from sqlalchemy import text
from tandem_core.clock import SystemClock
from tandem_core.ids import Uuid7Factory
from tandem_finance_posting.adapters.postgres.posting_transaction import PostgresPostingTransaction
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.rules.rule_files import default_catalogue
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.entrypoints.export_parts import export_parts
from tandem_finance_posting.entrypoints.grpc_estimate_service import EstimateService
from tandem_finance_posting.settings import FinanceSettings
from tandem_platform.data_side import DataSide
from tandem_platform.grpc_client import PeerChannels
from tandem_platform.health import Health
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens
from tandem_platform.process import Runtime
from tandem_testing.grpc_wire import TENANT, caller, serve_in_process


@dataclass
class TwoPersons:
    """Channels of a maker and a checker, and the database behind."""

    maker: grpc.aio.Channel
    checker: grpc.aio.Channel
    runtime: Runtime

    async def capture(self, count: int, first: int = 1) -> None:
        """Posts captured payments of 1.01, 1.02, …"""
        events = [
            FinanceEvent(
                tenant=TENANT, source_system="test", type="payment.captured", id=f"e{n}",
                legal_entity="US01", original_date=date(2026, 3, 2), currency_code="USD",
                facts={"amount": 100 + n, "channel": "web"},
            )
            for n in range(first, first + count)
        ]  # fmt: skip
        async with self.runtime.units() as uow:
            transaction = PostgresPostingTransaction(uow, RuleStore(default_catalogue()))
            await post_finance_events(transaction, events, self.runtime.clock.now())
            await uow.commit()

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query sees."""
        async with self.runtime.database.transaction() as connection:
            return [tuple(row) for row in await connection.execute(text(sql))]

    async def balances(self) -> dict[str, int]:
        """What each role holds, debit positive; roles at zero are left out."""
        sql = """SELECT role, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END)
                 FROM journal_line GROUP BY role"""
        return {row[0]: int(row[1]) for row in await self.rows(sql) if row[1]}


@asynccontextmanager
async def two_persons(database_url: str, **fields: Any) -> AsyncIterator[TwoPersons]:
    """The services on a database; ``fields`` are settings by name."""
    settings = FinanceSettings(database_url=database_url, **fields)
    runtime = Runtime(
        settings, SystemClock(), Uuid7Factory(), PeerChannels(settings), PageTokens(b"k" * 32),
        Health(), DataSide.of(settings),
    )  # fmt: skip
    clock, tokens, rules = runtime.clock, runtime.page_tokens, RuleStore(default_catalogue())
    writes = IdempotentWrites(runtime.units, clock)
    services, loops, closers = export_parts(runtime, settings, writes)
    services.append(EstimateService(writes, rules, clock, tokens, runtime.units))
    for loop in loops:
        await loop.start()
    maker, checker = caller(subject="maker"), caller(subject="checker")
    try:
        async with (
            serve_in_process(services, calling_as=maker) as first,
            serve_in_process(services, calling_as=checker) as second,
        ):
            yield TwoPersons(first, second, runtime)
    finally:
        for loop in loops:
            await loop.stop()
        for close in closers:
            await close()
        await runtime.peers.close()
        await runtime.database.close()
