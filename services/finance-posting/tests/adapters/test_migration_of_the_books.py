"""Books of v0.1 go on where they were: balances are kept, old journals are sealed, months closed.

Goal: what the first release posted has balances, seals and periods like what is posted now.
"""

from __future__ import annotations

import secrets
from datetime import date

from alembic import command
from sqlalchemy import create_engine, text
from tandem_core.clock import FixedClock
from tandem_finance_posting.adapters.postgres.balance_rows import balance_differences
from tandem_finance_posting.adapters.postgres.chain_reader import PostgresChainReader
from tandem_finance_posting.application.verify_chain import Verified, verify_chain
from tandem_finance_posting.entrypoints.seal_loop import Sealer
from tandem_platform import migrations
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_testing.embedded_postgres import EmbeddedPostgres

from .journals_under_test import LEDGER, NOW

PACKAGE = "tandem_finance_posting"
_BEFORE = """
INSERT INTO journal
SELECT 't', gen_random_uuid(), n, 'US01', 'MAIN', 'k:t.t:' || n || ':1', 'payment.captured',
       'primary', 1, DATE '2026-02-20' + n, DATE '2026-02-20' + n,
       TIMESTAMPTZ '2026-03-01 23:30+00' + n * INTERVAL '20 min', 'retail-default/1', 'P03', 'o',
       CASE WHEN n % 2 = 0 THEN 'USD' ELSE 'EUR' END, ''
FROM generate_series(1, 9) AS n;
INSERT INTO journal_line
SELECT 't', j.id, l.number, 'US01', 'MAIN', j.accounting_date, l.role, l.side,
       100 * j.sequence, j.currency_code, '{"order_id": "o"}', 'x'
FROM journal j, (VALUES (1, 'PSP_CLEARING', 'DEBIT'), (2, 'CUSTOMER_DEPOSIT', 'CREDIT'))
     AS l (number, role, side);
INSERT INTO journal_sequence VALUES ('t', 'US01', 'MAIN', 9);
"""


def at_first_release(url: str) -> None:
    """A database as v0.1 left it."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            command.upgrade(migrations._config(connection, PACKAGE), "0001")
        with engine.begin() as connection:
            connection.execute(text(_BEFORE.replace(":", "\\:")))
    finally:
        engine.dispose()


async def test_books_of_the_first_release_have_balances_and_seals(
    postgres_server: EmbeddedPostgres,
) -> None:
    name = f"migrated_{secrets.token_hex(8)}"
    url = postgres_server.create_database(name)
    try:
        at_first_release(url)
        migrations.upgrade(url, PACKAGE)
        database = Database(url)
        units = UnitOfWorkFactory(database, EventJournal("finance", 4))
        assert await Sealer(units, FixedClock(NOW), rows_max=4, linger_s=0.0).seal() == 9
        async with database.transaction() as connection:
            everything = (date(2026, 1, 1), date(2026, 12, 31))
            # Two roles on each of nine days, none of them other than its lines.
            assert await balance_differences(connection, "t", "", everything) == (18, [])
            days = await connection.execute(text("SELECT sum(journals) FROM ledger_day"))
            assert days.scalar_one() == 9
            recorded = await connection.execute(
                text("SELECT DISTINCT recorded_date FROM ledger_day ORDER BY 1")
            )
            assert [row[0] for row in recorded] == [date(2026, 3, 1), date(2026, 3, 2)]
            reader = PostgresChainReader(connection, LEDGER)
            assert await verify_chain(reader, 1, 0, 100) == Verified(9, None, 0)
        await database.close()
    finally:
        postgres_server.drop_database(name)
