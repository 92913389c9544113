"""A database of v0.1 after the migration of policy and supply: its locations, holds and past.

Goal: nothing that was promised before is promised again, and every figure can still be explained.
"""

from __future__ import annotations

from sqlalchemy import create_engine, text
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem_core.clock import FixedClock
from tandem_inventory_availability.adapters.postgres.policy_rows import load_policies
from tandem_platform import migrations
from tandem_testing.embedded_postgres import EmbeddedPostgres

from .stock_under_test import DC, TEE, TENANT, new_id, running_stock
from .test_migration_of_signals import PACKAGE, at_first_release

_HOLDS = """
    INSERT INTO reservation
    SELECT :tenant, gen_random_uuid(), 'cart', n::text, 'web', 'HELD',
           CAST(:ends AS timestamptz), 1, jsonb_build_array(jsonb_build_object(
               'line_id', '1', 'sku', 'TEE', 'location', 'DC-1', 'quantity', 2,
               'released', 0, 'shipped', 0, 'settled', 0)), now()
    FROM generate_series(1, 2) AS n
"""


async def test_locations_and_holds_of_the_first_release_count_as_before(
    postgres_server: EmbeddedPostgres, clock: FixedClock
) -> None:
    name = f"migrated_{new_id().replace('-', '')}"
    url = postgres_server.create_database(name)
    try:
        at_first_release(url)
        engine = create_engine(url)
        with engine.begin() as connection:
            ends = clock.now().replace(year=clock.now().year + 1)
            connection.execute(text(_HOLDS), {"tenant": TENANT, "ends": ends})
            connection.execute(text("UPDATE stock_position SET soft = 4"))
        engine.dispose()
        migrations.upgrade(url, PACKAGE)
        async with running_stock(url, clock, registered=False) as stock:
            async with stock.database.transaction() as connection:
                policy = (await load_policies(connection, [TENANT]))[TENANT]
            assert (policy.version, policy.locations.keys() >= {DC}) == (2, True)
            assert await stock.available(TEE) == 8
            assert await stock.differences() == []
            request = api.ExplainAvailabilityRequest(sku=TEE, location=DC)
            found = await stock.availability.ExplainAvailability(request)
            assert [(t.name, t.units) for t in found.terms] == [("ON_HAND", 12), ("SOFT", -4)]
            assert len(found.claims) == 2
            stock.clock.advance((ends - stock.clock.now()).total_seconds() + 1)
            assert await stock.available(TEE) == 12
    finally:
        postgres_server.drop_database(name)
