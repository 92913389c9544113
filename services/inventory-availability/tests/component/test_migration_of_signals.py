"""A database of v0.1 goes on where it was: before and after the migration of signals.

Goal: what the first release wrote is read as it was meant, and nobody who reported is refused.
"""

from __future__ import annotations

from alembic import command
from sqlalchemy import create_engine, text
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem.inventory.v1 import source_service_pb2 as sources
from tandem_core.clock import FixedClock
from tandem_platform import migrations
from tandem_testing.embedded_postgres import EmbeddedPostgres

from .stock_under_test import DC, SOURCE, TEE, TENANT, new_id, running_stock

PACKAGE = "tandem_inventory_availability"
Outcome = signals.SignalResult

# 10 counted under number 1, +5, then number 3 is missing: -3 counts, +7 is kept back.
_BEFORE = f"""
INSERT INTO item VALUES ('{TENANT}', '{TEE}', 'Tee', 0);
INSERT INTO location VALUES ('{TENANT}', '{DC}', 'DISTRIBUTION_CENTRE', 'DC', 1, true);
INSERT INTO stock_position (tenant, sku, location, on_hand, position, version, gap)
VALUES ('{TENANT}', '{TEE}', '{DC}', 12, 3, 3, true);
INSERT INTO ledger_entry
SELECT '{TENANT}', '{TEE}', '{DC}', n, f, t, q, 'X', '', false, now(), now()
FROM (VALUES (1, 'OUTSIDE', 'SELLABLE', 10), (2, 'OUTSIDE', 'SELLABLE', 5),
             (3, 'SELLABLE', 'OUTSIDE', 3)) AS e (n, f, t, q);
INSERT INTO stock_source VALUES ('{TENANT}', '{SOURCE}', '[[1, 2], [4, 5]]');
INSERT INTO stock_feed VALUES ('{TENANT}', '{SOURCE}', '{TEE}', '{DC}', 1, 10, 2, 5, now());
INSERT INTO stock_signal
SELECT '{TENANT}', '{SOURCE}', n, '{TEE}', '{DC}', k, q, '', '', now(), o, o = 'HELD_BACK', '{{}}',
       now()
FROM (VALUES (1, 'SNAPSHOT', 10, 'APPLIED'), (2, 'DELTA', 5, 'APPLIED'),
             (4, 'DELTA', -3, 'APPLIED_WITH_GAP'), (5, 'DELTA', 7, 'HELD_BACK')) AS s (n, k, q, o);
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


async def test_signals_of_the_first_release_go_on_where_they_were(
    postgres_server: EmbeddedPostgres, clock: FixedClock
) -> None:
    name = f"migrated_{new_id().replace('-', '')}"
    url = postgres_server.create_database(name)
    try:
        at_first_release(url)
        migrations.upgrade(url, PACKAGE)
        async with running_stock(url, clock, registered=False) as stock:
            position = await stock.position()
            assert (position.on_hand, position.gap) == (12, True)
            assert await stock.differences() == []
            again = await stock.signal(sequence=2, delta=5)
            assert again.outcome == Outcome.OUTCOME_DUPLICATE
            assert (await stock.signal(sequence=3, delta=-1)).outcome == Outcome.OUTCOME_APPLIED
            position = await stock.position()
            assert (position.on_hand, position.gap) == (18, False)
            assert (await stock.signal(sequence=6, snapshot=40)).outcome == Outcome.OUTCOME_APPLIED
            late = await stock.signal(sequence=5, delta=9)
            assert late.outcome == Outcome.OUTCOME_CONFLICT
            assert (await stock.position()).on_hand == 40
            assert await stock.differences() == []
            listed = await stock.sources.ListSources(sources.ListSourcesRequest())
            assert [(s.id, s.owns[0].location) for s in listed.sources] == [(SOURCE, "*")]
    finally:
        postgres_server.drop_database(name)
