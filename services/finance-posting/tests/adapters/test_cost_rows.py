"""The cost sub-ledger on real Postgres: what is stored is what was known, also under races.

Rows are arranged and read with SQL of their own, not with the code under test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from tandem_finance_posting.adapters.postgres import cost_rows
from tandem_finance_posting.domain.cost_ledger import CostLedger, CostMove, CostNeeds, needs
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.rule_set import Policy
from tandem_platform.database import Database

_NUMBERS = count(1)
FIFO = CostPolicy({"t": {"cost_method": Policy("cost_method", (), "fifo")}})
AT_THE_DOOR = CostPolicy({"t": {"control_point": Policy("control_point", (), "deliver")}})
Posting = tuple[FinanceEvent, Sequence[CostMove]]


@pytest.fixture
async def database(migrated_database: Callable[[str], str]) -> AsyncIterator[Database]:
    database = Database(migrated_database("tandem_finance_posting"), pool_size=12)
    yield database
    await database.close()


def move(kind: str, order_id: str = "", **values: Any) -> Posting:
    event = FinanceEvent(
        tenant="t", source_system="test", type="goods.moved", id=str(next(_NUMBERS)),
        legal_entity="US01", original_date=date(2026, 3, 2), currency_code="USD",
        facts={kind: [{"sku": "A", **values}]}, order_id=order_id,
    )  # fmt: skip
    return event, [CostMove(kind, kind, "done")]


async def post(
    database: Database, *postings: Posting, policy: CostPolicy | None = None
) -> list[Any]:
    """A batch as the service posts it; stamped records, or what it waits for."""
    async with database.transaction() as connection:
        wanted = CostNeeds()
        for event, moves in postings:
            wanted |= needs(event, moves)
        ledger = await cost_rows.load(connection, wanted, policy)
        results = [_judged(ledger, event, moves) for event, moves in postings]
        for (event, _), result in zip(postings, results, strict=True):
            await _store_event(connection, event, isinstance(result, Hold))
        await cost_rows.save(connection, ledger)
    return results


def _judged(ledger: CostLedger, event: FinanceEvent, moves: Sequence[CostMove]) -> Any:
    hold = ledger.gate(event, moves)
    if hold is not None:
        ledger.note_hold(event, moves)
        return hold
    stamped = ledger.stamp(event, moves)["done"]
    ledger.keep()
    return stamped[0]


async def _store_event(connection: Any, event: FinanceEvent, held: bool) -> None:
    await connection.execute(
        text("""
            INSERT INTO finance_event (tenant, event_key, event_type, state, legal_entity,
                original_date, order_id, currency_code, fingerprint, facts, document, skus,
                hold_gate, hold_detail, accepted_at)
            VALUES (:tenant, :key, 'x', :state, 'US01', '2026-03-02', '', 'USD', '', '{}', '{}',
                    '{}', '', '', now())
            ON CONFLICT (tenant, event_key) DO UPDATE SET state = excluded.state
        """),
        {"tenant": event.tenant, "key": event.key, "state": "HELD" if held else "POSTED"},
    )


async def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    async with database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(text(sql))]


async def test_what_is_stored_is_what_was_known(database: Database) -> None:
    await post(database, move("receive", quantity=10, cost=1_001, receipt_ref="R1"), policy=FIFO)
    await post(
        database,
        move("receive", quantity=5, cost=900, receipt_ref="R2"),
        move("transfer_out", quantity=3, transfer_ref="T1"),
        move("issue", "o", quantity=8, line_ref="1"),
        policy=FIFO,
    )
    pools = "SELECT quantity, value_minor, method, layers::text FROM cost_pool"
    assert await rows(database, pools) == [(4, 720, "FIFO", '[["R2", 4, 720]]')]
    asides = "SELECT stage, ref, line_ref, quantity, cost_minor FROM goods_aside WHERE quantity > 0"
    assert await rows(database, asides) == [("TRANSIT", "T1", "A", 3, 300)]
    issued = "SELECT order_id, line_ref, quantity, cost_minor FROM issued_cost"
    assert await rows(database, issued) == [("o", "1", 8, 881)]
    arrived, invoiced = await post(
        database,
        move("transfer_in", quantity=3, transfer_ref="T1", area="S"),
        move("invoice", quantity=5, cost=1_000, receipt_ref="R2"),
        policy=FIFO,
    )
    assert arrived["cost"] == 300
    assert invoiced["to_stock"] == 80, "the pools of a receipt's lines are loaded with it"


async def test_a_held_event_holds_up_later_ones_in_other_batches(database: Database) -> None:
    await post(database, move("receive", quantity=3, cost=300))
    big, small = (move("issue", f"o{n}", quantity=n, line_ref="1") for n in (5, 1))
    assert isinstance((await post(database, big))[0], Hold)
    assert isinstance((await post(database, small))[0], Hold), "it would take the cost of another"
    await post(database, move("receive", quantity=2, cost=200))
    small_first = await post(database, small, big)
    assert isinstance(small_first[0], Hold), "an earlier one counts by its place, not its turn"
    assert small_first[1]["cost"] == 500
    assert isinstance((await post(database, small))[0], Hold)
    await post(database, move("receive", quantity=1, cost=7))
    assert (await post(database, small))[0]["cost"] == 7
    assert await rows(database, "SELECT count(*) FROM cost_hold") == [(0,)]


async def test_thousands_that_wait_for_a_sku_go_on_in_their_order(database: Database) -> None:
    waiting = [move("issue", f"o{n}", quantity=1, line_ref="1") for n in range(300)]
    for start in range(0, 300, 100):
        await post(database, *waiting[start : start + 100])
    await post(database, move("receive", quantity=299, cost=299 * 300 // 2))
    later = move("issue", "later", quantity=1, line_ref="1")
    assert isinstance((await post(database, later))[0], Hold)
    # A page from the middle: those before it are more than are read, and still in the way.
    assert all(isinstance(x, Hold) for x in await post(database, *waiting[150:250]))
    for start in range(0, 300, 100):
        page = await post(database, *waiting[start : start + 100])
        assert [isinstance(x, Hold) for x in page] == [n == 299 for n in range(start, start + 100)]
    assert isinstance((await post(database, later))[0], Hold)


async def test_goods_on_the_way_to_the_customer_are_found_at_the_door(database: Database) -> None:
    await post(database, move("receive", quantity=3, cost=300))
    line = {"quantity": 2, "line_ref": "1"}
    await post(database, move("ship", "o", **line), policy=AT_THE_DOOR)
    asides = "SELECT stage, quantity, cost_minor FROM goods_aside"
    assert await rows(database, asides) == [("CUSTOMER", 2, 200)]
    (delivered,) = await post(database, move("deliver", "o", **line), policy=AT_THE_DOOR)
    assert delivered["cost"] == 200
    assert await rows(database, asides) == [("CUSTOMER", 0, 0)]


async def test_what_is_sold_at_the_ramp_leaves_no_row_at_the_door(database: Database) -> None:
    await post(database, move("receive", quantity=3, cost=300))
    await post(database, move("ship", "o", quantity=2, line_ref="1"))
    assert await rows(database, "SELECT count(*) FROM goods_aside") == [(0,)]


async def test_races_of_issues_never_give_away_more_cost_than_came_in(database: Database) -> None:
    await post(database, move("receive", quantity=40, cost=999))
    await asyncio.gather(
        *(post(database, move("issue", f"o{n}", quantity=1, line_ref="1")) for n in range(40))
    )
    assert await rows(database, "SELECT sum(cost_minor), sum(quantity) FROM issued_cost") == [
        (999, 40)
    ]
    assert await rows(database, "SELECT quantity, value_minor FROM cost_pool") == [(0, 0)]


async def test_receipts_of_a_new_sku_at_once_add_up(database: Database) -> None:
    await asyncio.gather(
        *(
            post(database, move("receive", quantity=1, cost=n, receipt_ref="R"))
            for n in range(1, 21)
        )
    )
    assert await rows(database, "SELECT quantity, value_minor FROM cost_pool") == [(20, 210)]
    lines = "SELECT lines #>> '{0,quantity}', lines #>> '{0,cost}' FROM goods_receipt"
    assert await rows(database, lines) == [("20", "210")]


async def test_arrivals_and_losses_of_one_transfer_at_once_lose_no_cost(
    database: Database,
) -> None:
    await post(database, move("receive", quantity=20, cost=1_003))
    await post(database, move("transfer_out", quantity=20, transfer_ref="T1"))
    results = await asyncio.gather(
        *(
            post(database, move("transfer_in", quantity=1, transfer_ref="T1", area="S"))
            for _ in range(19)
        ),
        post(database, move("transfer_lost", quantity=1, transfer_ref="T1")),
    )
    assert sum(result[0]["cost"] for result in results) == 1_003


async def test_batches_over_the_same_skus_in_any_order_do_not_wait_in_a_circle(
    database: Database,
) -> None:
    skus = [f"S{n}" for n in range(8)]
    await post(database, *(move("receive", sku=s, quantity=500, cost=5_000) for s in skus))

    def batch(n: int) -> list[Posting]:
        turned = skus[n:] + skus[:n]
        sold = [move("issue", f"o{n}-{s}", sku=s, quantity=1, line_ref="1") for s in turned]
        sent = [move("transfer_out", sku=s, quantity=1, transfer_ref=f"T{n % 2}") for s in turned]
        return sold + sent if n % 2 else sent + sold

    await asyncio.gather(*(post(database, *batch(n)) for n in range(8)))
    assert await rows(database, "SELECT DISTINCT quantity, value_minor FROM cost_pool") == [
        (484, 4_840)
    ]
