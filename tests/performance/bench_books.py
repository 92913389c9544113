"""Books at scale: balances, close checks, completeness, seals, with `LINES` lines (a million).

Rows are made by SQL as posting writes them: journals of four lines over a year, two entities, 61
roles, and an event for each fourth journal. Embedded Postgres without fsync: all figures but that
of sealing are of reads. One process, one connection at a time.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path

from bench_report import Figure, percentile, report
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import FixedClock
from tandem_finance_posting.adapters.postgres import balance_reads, close_rows, completeness_rows
from tandem_finance_posting.adapters.postgres.balance_reads import BalanceQuery, DateBasis
from tandem_finance_posting.adapters.postgres.chain_reader import PostgresChainReader
from tandem_finance_posting.application.verify_chain import verify_chain
from tandem_finance_posting.domain.close_check import ClosePolicy, CloseScope
from tandem_finance_posting.domain.period import Period, PeriodState
from tandem_finance_posting.entrypoints.seal_loop import Sealer
from tandem_platform import migrations
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_testing.embedded_postgres import EmbeddedPostgres

LINES = int(os.environ.get("LINES", "1000000"))
JOURNALS = LINES // 4
SEALED = 100_000
ROUNDS = 20
NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)
LEDGER = ("t", "US01", "MAIN")
DECEMBER = Period("2026-12", date(2026, 12, 1), date(2026, 12, 31), PeriodState.OPEN)
POLICY = ClosePolicy(
    clear_by_order=frozenset({"AR_ORDER", "CUSTOMER_DEPOSIT"}),
    clear_as_whole=frozenset({"PSP_CLEARING"}),
    results=frozenset({"REV_PRODUCT", "COGS"}),
)

_MAKE = (
    """
    INSERT INTO journal (tenant, id, sequence, legal_entity, book, event_key, event_type, purpose,
        generation, original_date, accounting_date, recorded_at, rule_set, rule_id, order_id,
        currency_code, trace_id, functional_currency_code)
    SELECT 't', CAST(md5(CAST(n AS text)) AS uuid), (n + 1) / 2,
           CASE n % 2 WHEN 1 THEN 'US01' ELSE 'DE01' END, 'MAIN', 'bench:test.done:' || n || ':1',
           'test.done', 'primary', 1, day - CAST(n % 50 = 0 AS integer) * 20, day,
           day + INTERVAL '12 h', 'test/1', 'P00', 'o' || n / 2, 'USD', '', 'USD'
    FROM (SELECT n, DATE '2026-01-01' + CAST(n * 365 / {journals} AS integer) AS day
          FROM generate_series(1, {journals}) AS n) AS made
""",
    """
    INSERT INTO journal_line (tenant, journal_id, number, legal_entity, book, accounting_date,
        role, side, amount_minor, currency_code, dimensions, rule_line, functional_minor)
    SELECT 't', j.id, l.number, j.legal_entity, 'MAIN', j.accounting_date,
           l.role || CASE WHEN l.number IN (2, 3) THEN '_' || j.sequence % 30 ELSE '' END, l.side,
           100, 'USD', '{{"channel": "web"}}', 'x', 100
    FROM journal j, (VALUES (1, 'AR_ORDER', 'DEBIT'), (2, 'REV_PRODUCT', 'CREDIT'),
                            (3, 'PSP_CLEARING', 'DEBIT'), (4, 'AR_ORDER', 'CREDIT'))
        AS l (number, role, side)
""",
    """
    INSERT INTO journal_sequence
    SELECT 't', legal_entity, 'MAIN', max(sequence) FROM journal GROUP BY legal_entity
""",
    """
    INSERT INTO finance_event (tenant, event_key, event_type, state, legal_entity, original_date,
        order_id, currency_code, fingerprint, facts, document, skus, hold_gate, hold_detail,
        accepted_at)
    SELECT 't', 'bench:test.done:' || n || ':1', 'test.done',
           CASE n % 1000 WHEN 0 THEN 'HELD' ELSE 'POSTED' END, 'US01',
           DATE '2026-01-01' + CAST(n * 365 / {journals} AS integer), 'o' || n, 'USD', '',
           jsonb_build_object('amount', n, 'channel', 'c' || n % 5, 'store', 's' || n % 100),
           '{{}}', '{{}}', 'G4_COST_MISSING', '', now()
    FROM generate_series(4, {journals}, 4) AS n
""",
)


_KEEP = (
    """
    INSERT INTO ledger_balance
    SELECT l.tenant, l.legal_entity, l.book, l.role, l.currency_code, j.functional_currency_code,
           j.accounting_date, j.original_date, CAST(j.recorded_at AT TIME ZONE 'UTC' AS date),
           coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'DEBIT'), 0),
           coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'CREDIT'), 0),
           coalesce(sum(l.functional_minor) FILTER (WHERE l.side = 'DEBIT'), 0),
           coalesce(sum(l.functional_minor) FILTER (WHERE l.side = 'CREDIT'), 0)
    FROM journal_line l JOIN journal j ON (j.tenant, j.id) = (l.tenant, l.journal_id)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
""",
    """
    INSERT INTO ledger_day
    SELECT tenant, legal_entity, book, accounting_date, original_date,
           CAST(recorded_at AT TIME ZONE 'UTC' AS date), count(*)
    FROM journal GROUP BY 1, 2, 3, 4, 5, 6
""",
    "ANALYZE",
)
_SUM_OF_LINES = text("""
    SELECT legal_entity, role, sum(amount_minor) FILTER (WHERE side = 'DEBIT'),
           sum(amount_minor) FILTER (WHERE side = 'CREDIT')
    FROM journal_line WHERE tenant = 't' AND accounting_date <= '2026-12-31' GROUP BY 1, 2
""")


def make(url: str) -> None:
    """The books; no limit of time holds here."""
    engine = create_engine(url)
    try:
        for statement in (*_MAKE, *_KEEP):
            with engine.begin() as connection:
                connection.execute(text(statement.format(journals=JOURNALS).replace(":", "\\:")))
    finally:
        engine.dispose()


async def seconds(work: Callable[[], Awaitable[object]], rounds: int = 1) -> float:
    """Median of some rounds."""
    taken = []
    for _ in range(rounds):
        began = time.monotonic()
        await work()
        taken.append(time.monotonic() - began)
    return percentile(taken, 0.5)


async def read(database: Database) -> list[Figure]:
    """Reads of balances, completeness and close checks."""
    figures = []
    async with database.connection() as connection:
        note = f"{LINES:,} lines"
        for basis in DateBasis:
            query = BalanceQuery("t", basis=basis, last=date(2026, 12, 31))
            taken = await seconds(lambda q=query: _trial_balance(connection, q), ROUNDS)
            figures.append(
                Figure(f"trial balance by {basis}", taken, "s", "under 1", f"{note}, both entities")
            )
        lines = await seconds(lambda: connection.execute(_SUM_OF_LINES))
        figures.append(Figure("the same summed from lines", lines, "s", "", "baseline"))
        shares = await seconds(lambda: completeness_rows.shares(connection, LEDGER, DECEMBER), 5)
        events = f"{JOURNALS // 48:,} events of one month"
        figures.append(Figure("completeness of a month", shares, "s", "", events))
        scope = CloseScope(LEDGER, DECEMBER, NOW.date())
        for check in (*close_rows.QUICK_CHECKS, *close_rows.BOOK_CHECKS):
            taken = await seconds(lambda c=check: c(connection, scope, POLICY))
            figures.append(Figure(f"close check: {check.__name__}", taken, "s", "", note))
    return figures


async def _trial_balance(connection: AsyncConnection, query: BalanceQuery) -> None:
    await balance_reads.movements(connection, query)
    await balance_reads.journal_count(connection, query)


async def chain(database: Database) -> list[Figure]:
    """Seals and their verification."""
    units = UnitOfWorkFactory(database, EventJournal("finance", 4))
    sealer = Sealer(units, FixedClock(NOW), rows_max=1_000, linger_s=0.0)
    began, sealed = time.monotonic(), 0
    while sealed < min(SEALED, JOURNALS):
        sealed += await sealer.seal()
    rate = sealed / (time.monotonic() - began)
    async with database.connection() as connection:
        reader = PostgresChainReader(connection, LEDGER)
        began = time.monotonic()
        verified = await verify_chain(reader, 1, 0, 20_000)
        checked = verified.count / (time.monotonic() - began)
    assert verified.broken is None
    note = "four lines each, one process"
    return [
        Figure("journals sealed", rate, "1/s", "3,000", note),
        Figure("seals verified", checked, "1/s", "", note),
    ]


async def measure(url: str) -> list[Figure]:
    database = Database(url)
    try:
        return [*await read(database), *await chain(database)]
    finally:
        await database.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        postgres.start()
        try:
            url = postgres.ensure_database("bench_books")
            migrations.upgrade(url, "tandem_finance_posting")
            make(url)
            figures = asyncio.run(measure(url))
        finally:
            postgres.stop()
            postgres.wipe()
    report("books", figures)


if __name__ == "__main__":
    main()
