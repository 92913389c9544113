"""The policy a transaction decides by: never older than what was committed before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text
from tandem_inventory_availability.adapters.postgres import catalogue_rows
from tandem_inventory_availability.adapters.postgres.policy_rows import load_policies
from tandem_inventory_availability.domain.catalogue import Item, Location, LocationKind
from tandem_inventory_availability.domain.errors import SkuUnknown
from tandem_inventory_availability.domain.policy_errors import BundleNested
from tandem_platform.database import Database

DC = Location("DC-1", LocationKind.DISTRIBUTION_CENTRE, "", 1, True)


@pytest.fixture
async def database(migrated_database: Callable[[str], str]) -> AsyncIterator[Database]:
    found = Database(migrated_database("tandem_inventory_availability"))
    yield found
    await found.close()


async def test_a_location_put_is_seen_by_the_next_transaction(database: Database) -> None:
    async with database.transaction() as connection:
        assert (await load_policies(connection, ["t"]))["t"].locations == {}
        await catalogue_rows.put_locations(connection, "t", [DC])
    async with database.transaction() as connection:
        assert (await load_policies(connection, ["t"]))["t"].locations.keys() == {"DC-1"}


async def test_a_change_rolled_back_is_not_kept_as_the_next_version(database: Database) -> None:
    async with database.transaction() as connection:
        await catalogue_rows.put_locations(connection, "t", [DC])
    async with database.transaction() as connection:
        closed = Location("DC-1", LocationKind.STORE, "", 9, False)
        await catalogue_rows.put_locations(connection, "t", [closed])
        assert (await load_policies(connection, ["t"]))["t"].locations["DC-1"].priority == 9
        await connection.rollback()
    async with database.transaction() as connection:
        other = Location("DC-2", LocationKind.STORE, "", 5, False)
        await catalogue_rows.put_locations(connection, "t", [other])
    async with database.transaction() as connection:
        policy = (await load_policies(connection, ["t"]))["t"]
    assert (policy.version, policy.locations["DC-1"].priority) == (2, 1)


async def test_an_unchanged_policy_is_compiled_once(database: Database) -> None:
    async with database.transaction() as connection:
        await catalogue_rows.put_locations(connection, "t", [DC])
        first = (await load_policies(connection, ["t"]))["t"]
    async with database.transaction() as connection:
        await connection.execute(text("DROP TABLE policy_entry"))
        assert (await load_policies(connection, ["t"]))["t"] is first


async def test_components_are_part_of_the_policy_and_replaced_as_a_whole(
    database: Database,
) -> None:
    async with database.transaction() as connection:
        items = [Item("KIT", "", 0, {"A": 2, "B": 1}), Item("A", "", 0), Item("B", "", 0)]
        assert await catalogue_rows.put_items(connection, "t", items) == 3
        assert (await load_policies(connection, ["t"]))["t"].bundles == {"KIT": {"A": 2, "B": 1}}
        changed = await catalogue_rows.put_items(connection, "t", [Item("KIT", "", 0, {"A": 3})])
        assert changed == 1
        assert (await load_policies(connection, ["t"]))["t"].bundles == {"KIT": {"A": 3}}
        assert await catalogue_rows.put_items(connection, "t", [Item("KIT", "", 0, {"A": 3})]) == 0


async def test_a_bundle_of_bundles_or_of_unknown_parts_is_refused(database: Database) -> None:
    async with database.transaction() as connection:
        with pytest.raises(SkuUnknown):
            await catalogue_rows.put_items(connection, "t", [Item("KIT", "", 0, {"NONE": 1})])
    async with database.transaction() as connection:
        items = [Item("KIT", "", 0, {"A": 2}), Item("A", "", 0), Item("B", "", 0)]
        await catalogue_rows.put_items(connection, "t", items)
        with pytest.raises(BundleNested):
            await catalogue_rows.put_items(connection, "t", [Item("A", "", 0, {"B": 1})])
    async with database.transaction() as connection:
        with pytest.raises(BundleNested):
            await catalogue_rows.put_items(connection, "t", [Item("SELF", "", 0, {"SELF": 1})])
