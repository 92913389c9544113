"""Posting on real Postgres: once per key, gapless, held and released, safe against races."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text
from tandem_core.clock import FixedClock
from tandem_core.errors import DomainError
from tandem_finance_posting.adapters.postgres.posting_transaction import PostgresPostingTransaction
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.rules.rule_files import default_catalogue
from tandem_finance_posting.application.post_finance_events import PostResult, post_finance_events
from tandem_finance_posting.domain.errors import FinanceEventConflict
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.entrypoints.consumer_source_events import HeldEvents
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory

RULES = RuleStore(default_catalogue())
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
async def units(migrated_database: Callable[[str], str]) -> AsyncIterator[UnitOfWorkFactory]:
    database = Database(migrated_database("tandem_finance_posting"), pool_size=16)
    yield UnitOfWorkFactory(database, EventJournal("finance", 4))
    await database.close()


def event(kind: str, event_id: str, facts: dict[str, object], **rest: object) -> FinanceEvent:
    return FinanceEvent(
        tenant="t", source_system="test", type=kind, id=event_id, legal_entity="US01",
        original_date=date(2026, 3, 2), currency_code="USD", facts=facts, **rest,  # type: ignore[arg-type]
    )  # fmt: skip


def capture(order_id: str, amount: int = 500) -> FinanceEvent:
    return event("payment.captured", order_id, {"amount": amount}, order_id=order_id)


def shipment(order_id: str, quantity: int = 1, sku: str = "A") -> FinanceEvent:
    line = {"line_ref": "1", "list": 500, "sku": sku, "quantity": quantity}
    return event("shipment.confirmed", order_id, {"lines": [line]}, order_id=order_id)


def receipt(
    event_id: str = "r1", quantity: int = 100, cost: int = 1_000, sku: str = "A"
) -> FinanceEvent:
    line = {"cost": cost, "sku": sku, "quantity": quantity}
    return event("po.received", event_id, {"receipts": [line]})


async def post(units: UnitOfWorkFactory, events: Sequence[FinanceEvent]) -> list[PostResult]:
    async with units() as uow:
        results = await post_finance_events(PostgresPostingTransaction(uow, RULES), events, NOW)
        await uow.commit()
    return results


async def release(units: UnitOfWorkFactory, rows_max: int = 100) -> int:
    return await HeldEvents(units, RULES, FixedClock(NOW), rows_max=rows_max).release()


async def rows(units: UnitOfWorkFactory, sql: str) -> list[tuple[object, ...]]:
    async with units.database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(text(sql))]


async def test_an_event_delivered_again_is_posted_once(units: UnitOfWorkFactory) -> None:
    await post(units, [capture("o1"), capture("o1")])
    assert await post(units, [capture("o1")]) == [None]
    assert await rows(units, "SELECT count(*) FROM journal") == [(1,)]


async def test_the_same_event_with_other_facts_is_refused(units: UnitOfWorkFactory) -> None:
    await post(units, [capture("o1", 500)])
    results = await post(units, [capture("o1", 501), capture("o2")])
    assert isinstance(results[0], FinanceEventConflict)
    assert not isinstance(results[1], DomainError), "a neighbour must not suffer"


async def test_concurrent_batches_number_journals_without_gaps(units: UnitOfWorkFactory) -> None:
    batches = [[capture(f"o{n}-{k}") for k in range(5)] for n in range(16)]
    await asyncio.gather(*(post(units, batch) for batch in batches))
    found = await rows(units, "SELECT sequence FROM journal ORDER BY sequence")
    assert found == [(n,) for n in range(1, 81)]


async def test_concurrent_issues_never_take_more_cost_than_was_received(
    units: UnitOfWorkFactory,
) -> None:
    await post(units, [receipt(quantity=40, cost=999)])
    await asyncio.gather(*(post(units, [shipment(f"o{n}")]) for n in range(40)))
    issued = await rows(units, "SELECT sum(cost_minor), sum(quantity) FROM issued_cost")
    assert issued == [(999, 40)]
    pool = await rows(units, "SELECT quantity, value_minor FROM cost_pool")
    assert pool == [(0, 0)]


async def test_payment_and_shipment_of_one_order_at_once_apply_the_deposit_once(
    units: UnitOfWorkFactory,
) -> None:
    await post(units, [receipt()])
    for n in range(12):
        await asyncio.gather(post(units, [capture(f"o{n}")]), post(units, [shipment(f"o{n}")]))
    applied = await rows(units, "SELECT count(*) FROM journal WHERE event_type = 'deposit.applied'")
    assert applied == [(12,)]
    sums = "receivable_minor, deposit_minor, applied_minor"
    open_items = await rows(units, f"SELECT DISTINCT {sums} FROM order_open_items")
    assert open_items == [(500, 500, 500)]


async def test_a_held_shipment_is_posted_when_its_cost_arrives(units: UnitOfWorkFactory) -> None:
    await post(units, [shipment("o1"), capture("o1")])
    held = await rows(units, "SELECT event_type, hold_gate FROM finance_event WHERE state = 'HELD'")
    assert ("shipment.confirmed", "G4_COST_MISSING") in held
    assert await release(units) == 0
    await post(units, [receipt()])
    assert await release(units) == len(held)
    states = await rows(units, "SELECT DISTINCT state FROM finance_event")
    assert states == [("POSTED",)]
    events = await rows(
        units,
        "SELECT type, agg_version FROM event_journal WHERE agg_type = 'finance_event' "
        "AND agg_id LIKE '%shipment%' ORDER BY agg_version",
    )
    assert [(str(t).rpartition(".")[2], v) for t, v in events] == [
        ("FinanceEventHeld", 1),
        ("FinanceEventReleased", 2),
    ]


async def test_events_that_can_never_be_posted_do_not_shut_out_those_behind_them(
    units: UnitOfWorkFactory,
) -> None:
    await post(units, [of_sku(f"stuck-{n}", f"NEVER-{n}") for n in range(5)])
    await post(units, [of_sku("o1", "A"), of_sku("o2", "A")])
    await post(units, [receipt()])
    assert await release(units, rows_max=2) == 2
    left = await rows(units, "SELECT count(*) FROM finance_event WHERE state = 'HELD'")
    assert left == [(5,)]


async def test_a_later_issue_never_overtakes_an_earlier_one_held_on_another_page(
    units: UnitOfWorkFactory,
) -> None:
    await post(units, [shipment("first", 500), of_sku("between", "OTHER"), shipment("second")])
    await post(units, [receipt()])
    assert await release(units, rows_max=1) == 0


async def test_a_held_event_the_rules_refuse_leaves_its_neighbours_alone(
    units: UnitOfWorkFactory,
) -> None:
    unpaid = event(
        "pos.sale", "bad", {"lines": [{"line_ref": "1", "sku": "B", "quantity": 1, "list": 500}]},
        order_id="bad",
    )  # fmt: skip
    await post(units, [unpaid, shipment("o1")])
    for sku in ("B", "A"):
        await post(units, [receipt(f"r-{sku}", 10, 50, sku)])
    assert await release(units) == 1
    held = await rows(units, "SELECT order_id FROM finance_event WHERE state = 'HELD'")
    assert held == [("bad",)]


def of_sku(order_id: str, sku: str) -> FinanceEvent:
    return shipment(order_id, sku=sku)


async def test_the_same_event_posted_by_two_at_once_has_one_journal_and_no_error(
    units: UnitOfWorkFactory,
) -> None:
    for n in range(15):
        posted = await asyncio.gather(*(post(units, [capture(f"o{n}")]) for _ in range(3)))
        assert sorted(result is None for (result,) in posted) == [False, True, True]
    assert await rows(units, "SELECT count(*) FROM journal") == [(15,)]


async def test_every_journal_balances_in_the_database(units: UnitOfWorkFactory) -> None:
    await post(units, [receipt(), capture("o1"), shipment("o1"), capture("o2")])
    broken = await rows(
        units,
        "SELECT journal_id FROM journal_line GROUP BY journal_id HAVING "
        "sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) <> 0",
    )
    assert broken == []


async def test_leaving_without_commit_posts_nothing(units: UnitOfWorkFactory) -> None:
    async with units() as uow:
        await post_finance_events(PostgresPostingTransaction(uow, RULES), [capture("o1")], NOW)
    assert await rows(units, "SELECT count(*) FROM journal") == [(0,)]
    assert await rows(units, "SELECT count(*) FROM finance_event") == [(0,)]


async def test_an_event_of_goods_is_worth_their_cost_once(units: UnitOfWorkFactory) -> None:
    """They stand in its facts twice: as they were told, and as the sub-ledger stamped them."""
    await post(units, [receipt(cost=1_000)])
    found = await rows(units, "SELECT value_minor FROM finance_event")
    assert found == [(1_000,)]
