"""The export loop between real Postgres and a simulated ERP that runs as a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from tandem_core.clock import FixedClock
from tandem_core.ids import Uuid7Factory
from tandem_erp_simulator.process import ErpProcess
from tandem_finance_posting.adapters.erp.erpnext_gateway import ErpNextGateway
from tandem_finance_posting.domain.export_batch import RetryPolicy
from tandem_finance_posting.domain.export_batch_lines import LedgerKey
from tandem_finance_posting.entrypoints.export_loop import ExportLimits, ExportLoop
from tandem_platform.unit_of_work import UnitOfWorkFactory

TENANT = "test-tenant"
LEDGER = LedgerKey(TENANT, "US01", "MAIN")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOKEN = "key:secret"
ROUNDS_MAX = 200
TIMEOUT_S = 5.0

# Journals n with a debit and a credit, and every third with two lines more; amounts differ so that
# one that is missing or there twice shows in the sums.
_JOURNALS = """
    INSERT INTO journal (tenant, id, sequence, legal_entity, book, event_key, event_type, purpose,
        generation, original_date, accounting_date, recorded_at, rule_set, rule_id, order_id,
        currency_code, trace_id, functional_currency_code)
    SELECT :tenant, gen_random_uuid(), n, :entity, :book, 'e' || n, 'test', 'primary', 1,
           day, day, now(), 'test/1', 'P0', 'o' || n, 'USD', '', 'USD'
    FROM (SELECT n, DATE '2026-03-01' + CAST(n / 3 % 3 AS integer) AS day
          FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n) AS made
"""
_LINES = """
    INSERT INTO journal_line (tenant, journal_id, number, legal_entity, book, accounting_date, role,
        side, amount_minor, currency_code, dimensions, rule_line, functional_minor)
    SELECT j.tenant, j.id, l.number, j.legal_entity, j.book, j.accounting_date, l.role, l.side,
           j.sequence * 7 + l.more, 'USD', jsonb_build_object('channel', 'c' || j.sequence % 2,
           'sku', 'S' || j.sequence), 'x', j.sequence * 7 + l.more
    FROM journal AS j, (VALUES (1, CAST(:debit AS text), 'DEBIT', 0, 1),
        (2, 'REV_PRODUCT', 'CREDIT', 0, 1), (3, 'COGS', 'DEBIT', 3, 3), (4, 'AP', 'CREDIT', 3, 3))
        AS l (number, role, side, more, each)
    WHERE j.tenant = :tenant AND j.legal_entity = :entity AND j.book = :book
      AND j.sequence BETWEEN :first AND :last AND j.sequence % l.each = 0
"""
_SEQUENCE = """
    INSERT INTO journal_sequence (tenant, legal_entity, book, last)
    VALUES (:tenant, :entity, :book, :last)
    ON CONFLICT (tenant, legal_entity, book) DO UPDATE SET last = excluded.last
"""


@dataclass
class ExportUnderTest:
    """What a test does and sees."""

    units: UnitOfWorkFactory
    erp: ErpProcess
    gateway: ErpNextGateway
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    lines_max: int = 50
    journals_max: int = 1_000
    attempts_max: int = 50
    last: int = 0

    def loop(self) -> ExportLoop:
        """A loop as a fresh process has it."""
        retry = RetryPolicy(attempts_max=self.attempts_max, first_wait_ms=1, wait_ms_max=5)
        limits = ExportLimits(self.journals_max, self.lines_max, 60.0, 0.0, retry)
        return ExportLoop(self.units, self.clock, Uuid7Factory(), limits, self.gateway)

    async def journals(self, count: int, debit: str = "BANK", ledger: LedgerKey = LEDGER) -> None:
        """Posts so many journals more."""
        first, self.last = self.last + 1, self.last + count
        values = {"tenant": ledger.tenant, "entity": ledger.legal_entity, "book": ledger.book,
                  "first": first, "last": self.last, "debit": debit}  # fmt: skip
        async with self.units.database.transaction() as connection:
            for statement in (_JOURNALS, _LINES, _SEQUENCE):
                names = {k: v for k, v in values.items() if f":{k}" in statement}
                await connection.execute(text(statement), names)

    async def run(self, rounds: int = ROUNDS_MAX) -> None:
        """Rounds until every batch is at its end; waits pass by moving the clock."""
        loop = self.loop()
        for _ in range(rounds):
            await loop.work()
            self.clock.advance(2)
            if set(await self.states()) <= {"RECONCILED", "PARTIAL", "REJECTED"}:
                return
        raise AssertionError(f"after {rounds} rounds the batches are {await self.states()}")

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a query sees."""
        async with self.units.database.transaction() as connection:
            return [tuple(row) for row in await connection.execute(text(sql), values)]

    async def states(self) -> list[str]:
        """States of the batches, by number."""
        sql = "SELECT state FROM export_batch ORDER BY legal_entity, book, number"
        return [row[0] for row in await self.rows(sql)]

    async def groups(self) -> dict[str, int]:
        """Documents by state."""
        sql = "SELECT state, count(*) FROM export_group GROUP BY 1"
        return {row[0]: row[1] for row in await self.rows(sql)}

    async def news(self) -> list[str]:
        """Names of what was told of batches, in order."""
        sql = "SELECT type FROM event_journal WHERE agg_type = 'export_batch' ORDER BY id"
        return [row[0].rpartition(".")[2] for row in await self.rows(sql)]

    async def book_sums(self) -> dict[str, tuple[int, int]]:
        """Debits and credits of our books by account of the shipped map, without held ones."""
        sql = """
            SELECT l.role, sum(l.amount_minor) FILTER (WHERE l.side = 'DEBIT'),
                   sum(l.amount_minor) FILTER (WHERE l.side = 'CREDIT')
            FROM journal_line AS l
            WHERE NOT EXISTS (SELECT FROM export_hold AS h
                              WHERE h.journal_id = l.journal_id AND h.state <> 'EXPORTED')
            GROUP BY 1
        """
        return {row[0]: (int(row[1] or 0), int(row[2] or 0)) for row in await self.rows(sql)}

    def erp_sums(self) -> dict[str, tuple[int, int]]:
        """The same of the ERP's books, in minor units, by our roles."""
        roles = {"1000 - Bank": "BANK", "4000 - Product Sales": "REV_PRODUCT",
                 "5000 - Cost of Goods Sold": "COGS", "2100 - Accounts Payable": "AP",
                 "1010 - Tills": "TILL"}  # fmt: skip
        return {
            roles[row["account"]]: (minor(row["debit"]), minor(row["credit"]))
            for row in self.erp.ask("trial-balance")["accounts"]
        }

    async def nothing_is_missing_or_double(self) -> None:
        """The ERP's books are ours, and each journal is in one live batch."""
        assert self.erp.ask("entries")["twice"] == []
        assert self.erp_sums() == await self.book_sums()
        live = "SELECT journal_id FROM export_member WHERE state <> 'REJECTED'"
        held = "SELECT journal_id FROM export_hold WHERE state <> 'EXPORTED'"
        both = await self.rows(f"SELECT count(*) FROM ({live} INTERSECT {held}) AS x")
        assert both == [(0,)]
        all_of = f"SELECT count(*) FROM ({live} UNION ALL {held}) AS x"
        exported = "SELECT count(*) FROM journal WHERE book <> 'MEMO'"
        assert await self.rows(all_of) == await self.rows(exported)


def minor(amount: str) -> int:
    """Minor units of an amount in dollars."""
    return int(Decimal(amount) * 100)


@asynccontextmanager
async def export_under_test(
    units: UnitOfWorkFactory, erp: ErpProcess
) -> AsyncIterator[ExportUnderTest]:
    """An ERP that is up with new books, and nothing posted yet."""
    erp.wipe()
    gateway = ErpNextGateway(erp.url, TOKEN, TIMEOUT_S)
    try:
        yield ExportUnderTest(units, erp, gateway)
    finally:
        await gateway.close()
