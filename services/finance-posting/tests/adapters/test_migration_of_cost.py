"""Cost known to v0.1 is known after the upgrade: pools, what waits, what is in quarantine.

Goal: no unit, no cent and no held event of the first release is lost. Method: rows as that release
wrote them, the upgrade, then the new code on them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from tandem_finance_posting.adapters.postgres import cost_rows
from tandem_finance_posting.adapters.postgres.event_documents import from_document
from tandem_finance_posting.domain.cost_ledger import CostLedger, CostMove, needs
from tandem_finance_posting.domain.cost_state import AsideKey, PoolKey
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.goods_aside import GoodsAside, Stage
from tandem_platform import migrations
from tandem_platform.database import Database
from tandem_testing.embedded_postgres import EmbeddedPostgres

PACKAGE = "tandem_finance_posting"
MOVES = [CostMove("issue", "lines", "costs")]
POOLS = "INSERT INTO cost_pool VALUES ('t', 'US01', 'A', 3, 1000), ('t', 'US01', 'B', 0, 0)"
EVENTS = text("""
    INSERT INTO finance_event (tenant, event_key, event_type, state, legal_entity, original_date,
        order_id, currency_code, fingerprint, facts, document, skus, hold_gate, hold_detail,
        accepted_at)
    VALUES ('t', :key, :type, :state, 'US01', '2026-03-02', :order, 'USD', '', :facts, :document,
            :skus, '', '', now())
""")


def held_shipment() -> dict[str, Any]:
    """As v0.1 kept it: what moves beside the facts."""
    line = {"list": 500, "discount": 0, "funded": 0, "sku": "A"}
    return document(
        "shipment.confirmed", "o1", {"ship": 0, "lines": [line], "taxes": []},
        issues=[{"line_ref": "1", "sku": "A", "quantity": 5}],
    )  # fmt: skip


def held_refund() -> dict[str, Any]:
    back = {"line_ref": "1", "sku": "A", "quantity": 1, "disposition": "RESTOCK"}
    line = {"net": 100, "tax": 0, "sku": "A"}
    facts = {"ship": 0, "ship_tax": 0, "lines": [line], "returned_costs": []}
    return document("refund.approved", "o1", facts, returns=[back])


def document(type_: str, order: str, facts: dict[str, Any], **moves: Any) -> dict[str, Any]:
    return {
        "tenant": "t", "source_system": "test", "type": type_, "id": type_, "legal_entity": "US01",
        "original_date": "2026-03-02", "currency_code": "USD", "facts": facts, "order_id": order,
        "revision": 1, "issues": [], "returns": [], "receipts": [], "source_event_id": "",
        "trace_headers": {}, **moves,
    }  # fmt: skip


def fill(url: str) -> None:
    """A database as v0.1 left it."""
    engine = create_engine(url)
    quarantined = {"returned_costs": [{"line_ref": "7", "quantity": 2, "cost": 300, "hold": 300}]}
    try:
        with engine.connect() as connection:
            command.upgrade(migrations._config(connection, PACKAGE), "0001")
        with engine.begin() as connection:
            connection.execute(text(POOLS))
            for held, order in ((held_shipment(), "o1"), (held_refund(), "o1")):
                add(connection, held, order, "HELD", held["facts"])
            posted = document("refund.approved", "o2", quarantined, id="old")
            add(connection, posted, "o2", "POSTED", quarantined)
    finally:
        engine.dispose()


def add(connection: Any, held: dict[str, Any], order: str, state: str, facts: Any) -> None:
    key = f"test:{held['type']}:{held['id']}:1"
    connection.execute(
        EVENTS,
        {
            "key": key, "type": held["type"], "state": state, "order": order, "skus": ["A"],
            "facts": json.dumps(facts), "document": json.dumps(held),
        },
    )  # fmt: skip


@pytest.fixture
async def upgraded(postgres_server: EmbeddedPostgres) -> AsyncIterator[Database]:
    name = f"migrated_{secrets.token_hex(8)}"
    url = postgres_server.create_database(name)
    try:
        fill(url)
        migrations.upgrade(url, PACKAGE)
        database = Database(url)
        yield database
        await database.close()
    finally:
        postgres_server.drop_database(name)


async def load(database: Database, event: FinanceEvent) -> CostLedger:
    async with database.transaction() as connection:
        return await cost_rows.load(connection, needs(event, MOVES))


async def event_of(database: Database, type_: str) -> FinanceEvent:
    query = text(
        "SELECT document::text FROM finance_event WHERE event_type = :type AND state = 'HELD'"
    )
    async with database.transaction() as connection:
        return from_document((await connection.execute(query, {"type": type_})).scalar_one())


async def test_a_held_shipment_still_waits_and_holds_up_later_ones(upgraded: Database) -> None:
    shipment = await event_of(upgraded, "shipment.confirmed")
    ledger = await load(upgraded, shipment)
    hold = ledger.gate(shipment, MOVES)
    assert isinstance(hold, Hold)
    assert "5 units" in hold.detail, "its quantity came with it"
    later = one_more()
    hold = (await load(upgraded, later)).gate(later, MOVES)
    assert isinstance(hold, Hold)
    assert "earlier" in hold.detail


def one_more() -> FinanceEvent:
    return FinanceEvent(
        tenant="t", source_system="test", type="shipment.confirmed", id="new",
        legal_entity="US01", original_date=date(2026, 3, 2), currency_code="USD",
        facts={"lines": [{"line_ref": "1", "sku": "A", "quantity": 1}]}, order_id="o9",
    )  # fmt: skip


async def test_pools_are_worth_what_they_were(upgraded: Database) -> None:
    ledger = await load(upgraded, one_more())
    pool = ledger.state.pools[PoolKey("t", "US01", "", "A")]
    assert (pool.quantity, pool.value) == (3, 1_000)
    assert pool.issue(2)[1] == 667


async def test_a_held_refund_brings_its_goods_as_facts(upgraded: Database) -> None:
    refund = await event_of(upgraded, "refund.approved")
    assert refund.facts["goods"] == held_refund()["returns"]
    assert "returned_costs" not in refund.facts


async def test_goods_in_quarantine_can_go_on(upgraded: Database) -> None:
    async with upgraded.transaction() as connection:
        rows = await connection.execute(text("SELECT * FROM goods_aside"))
        (row,) = rows.mappings().all()
    key = AsideKey("t", "US01", Stage.RETURNED, "o2", "7")
    assert [row[name] for name in AsideKey._fields] == list(key)
    assert GoodsAside(row["quantity"], row["cost_minor"]) == GoodsAside(2, 300)
