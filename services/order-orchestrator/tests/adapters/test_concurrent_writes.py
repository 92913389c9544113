"""Many writers of the same orders on Postgres: versions stay gapless, neighbours unharmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from tandem.order.v1 import order_service_pb2 as api
from tandem.order.v1.order_pb2 import Order as OrderMessage
from tandem_core.clock import FixedClock
from tandem_core.errors import DomainError, NotFound
from tandem_core.ids import Uuid7Factory
from tandem_order_orchestrator.adapters.order_writes import AnsweredCommand, OrderWrites
from tandem_order_orchestrator.adapters.postgres.order_read_models import OrderReadModels
from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.cancel_order import CancelOrder
from tandem_order_orchestrator.application.carry_out_command import Command, nothing_to_do
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.application.submit_order import SubmitOrder
from tandem_order_orchestrator.domain.draft import DraftLine, ExternalRef, OrderDraft
from tandem_order_orchestrator.domain.events import PaymentFailed
from tandem_order_orchestrator.domain.order import Change, Order, changed, order_id
from tandem_order_orchestrator.domain.order_state import PaymentAction
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.request_context import Caller, acting_as
from tandem_platform.unit_of_work import UnitOfWorkFactory

TENANT, PACKAGE = "demo", "tandem_order_orchestrator"
new_id = Uuid7Factory().new_id


def draft(name: str, quantity: int = 1) -> OrderDraft:
    lines = (DraftLine("1", "MUG", quantity, 1000),)
    ref = ExternalRef("shop", "order", name)
    return OrderDraft(ref, "web", "USD", datetime.fromisoformat("2026-03-02T09:00Z"), lines, "card")


def key_of(name: str) -> OrderKey:
    return OrderKey(TENANT, order_id(TENANT, ExternalRef("shop", "order", name)))


def happen(order: Order, now: datetime) -> Change:
    """Any step of one event."""
    return changed(order, now, PaymentFailed(PaymentAction.VOID, "again"))


@dataclass
class Replica:
    """One process of the service, as far as writing goes."""

    database: Database
    writes: OrderWrites
    units: UnitOfWorkFactory

    async def write(self, request: Any, step: OrderStep) -> OrderMessage:
        with acting_as(Caller("shop", TENANT), method="M"):
            return await self.writes.requests.submit(request, step)

    async def submit(self, name: str, quantity: int = 1) -> OrderMessage:
        request = api.SubmitOrderRequest(request_id=new_id())
        return await self.write(request, SubmitOrder(TENANT, draft(name, quantity)).step())

    async def step(self, name: str) -> OrderMessage:
        request = api.CancelOrderRequest(request_id=new_id())
        return await self.write(request, OrderStep(key_of(name), existing(happen)))

    async def rows(self, statement: str) -> list[Any]:
        async with self.database.transaction() as connection:
            return list(await connection.execute(text(statement)))


@pytest.fixture
async def replicas(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> AsyncIterator[list[Replica]]:
    url, made = migrated_database(PACKAGE), list[Replica]()
    for _ in range(2):
        database = Database(url)
        units = UnitOfWorkFactory(database, EventJournal("order", 2))
        made.append(Replica(database, OrderWrites(units, clock), units))
        await made[-1].writes.requests.start()
        await made[-1].writes.answers.start()
    yield made
    for replica in made:
        await replica.writes.requests.stop()
        await replica.writes.answers.stop()
        await replica.database.close()


async def test_sixteen_writers_on_one_order_leave_no_gap_and_no_lost_step(
    replicas: list[Replica],
) -> None:
    await replicas[0].submit("1")

    async def writer(number: int) -> None:
        for _ in range(6):
            await replicas[number % 2].step("1")

    await asyncio.gather(*(writer(number) for number in range(16)))
    [(version,)] = await replicas[0].rows("SELECT version FROM customer_order")
    rows = await replicas[0].rows(
        "SELECT agg_version, type FROM event_journal ORDER BY agg_version"
    )
    assert version == 1 + 16 * 6
    assert [row[0] for row in rows] == list(range(1, version + 1))


async def test_an_order_made_by_two_replicas_at_once_is_made_once(
    replicas: list[Replica],
) -> None:
    for number in range(20):
        made = await asyncio.gather(*(replica.submit(f"n{number}") for replica in replicas * 2))
        assert {order.version for order in made} == {1}
    [(orders,)] = await replicas[0].rows("SELECT count(*) FROM customer_order")
    [(commands,)] = await replicas[0].rows("SELECT count(*) FROM saga_command")
    assert (orders, commands) == (20, 20)


async def test_a_request_sent_to_two_replicas_at_once_has_one_effect(
    replicas: list[Replica],
) -> None:
    await replicas[0].submit("1")
    request = api.CancelOrderRequest(request_id=new_id(), order_id=new_id())
    step = OrderStep(key_of("1"), existing(happen))
    answers = await asyncio.gather(*(replicas[n % 2].write(request, step) for n in range(12)))
    assert {answer.version for answer in answers} == {2}


async def test_a_failing_write_leaves_its_neighbours_of_the_batch_unharmed(
    replicas: list[Replica],
) -> None:
    one = replicas[0]
    await one.submit("good")
    cancel = api.CancelOrderRequest
    results = await asyncio.gather(
        one.step("good"),
        one.write(cancel(request_id=new_id()), CancelOrder(key_of("nobody"), "X").step()),
        one.submit("good", quantity=2),
        one.submit("other"),
        one.write(cancel(request_id=new_id()), OrderStep(key_of("good"), _broken)),
        one.step("good"),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == [
        "Order",
        "NotFound",
        "OrderConflict",
        "Order",
        "ZeroDivisionError",
        "Order",
    ]
    [(version,)] = await one.rows("SELECT version FROM customer_order WHERE external_id = 'good'")
    assert version == 3


def _broken(order: Order | None, now: datetime) -> Change:
    raise ZeroDivisionError


async def test_a_refused_request_leaves_its_id_free(replicas: list[Replica]) -> None:
    request = api.CancelOrderRequest(request_id=new_id())
    step = OrderStep(key_of("late"), existing(happen))
    with pytest.raises(NotFound):
        await replicas[0].write(request, step)
    await replicas[0].submit("late")
    assert (await replicas[0].write(request, step)).version == 2


async def test_an_answer_taken_twice_in_one_batch_counts_once(replicas: list[Replica]) -> None:
    await replicas[0].submit("1")
    [(command_id,)] = await replicas[0].rows("SELECT id::text FROM saga_command")
    command = Command(command_id, key_of("1"), "reserve_stock", {})
    answer = AnsweredCommand(command, nothing_to_do(command))
    await asyncio.gather(*(replicas[n % 2].writes.answers.submit(answer) for n in range(6)))
    [(data,)] = await replicas[0].rows("SELECT data FROM saga")
    assert data["open_commands"] == 0
    [(history,)] = await replicas[0].rows(
        "SELECT count(*) FROM saga_history WHERE event_name = 'command_done'"
    )
    assert history == 1


async def test_an_answer_the_order_refuses_stays_open_and_harms_no_other(
    replicas: list[Replica],
) -> None:
    one = replicas[0]
    await one.submit("1")
    await one.submit("2")
    rows = await one.rows("SELECT saga_id, id::text FROM saga_command")
    ids = {saga: command for saga, command in rows}

    def refuse(order: Order, now: datetime) -> Change:
        raise order.refused("reserve")

    bad = Command(ids[key_of("1").order_id], key_of("1"), "reserve_stock", {})
    good = Command(ids[key_of("2").order_id], key_of("2"), "reserve_stock", {})
    results = await asyncio.gather(
        one.writes.answers.submit(AnsweredCommand(bad, OrderStep(bad.key, existing(refuse)))),
        one.writes.answers.submit(AnsweredCommand(good, nothing_to_do(good))),
        return_exceptions=True,
    )
    assert isinstance(results[0], DomainError)
    assert results[1] is None
    done = await one.rows("SELECT id::text FROM saga_command WHERE done_at IS NOT NULL")
    assert [row[0] for row in done] == [good.id]


async def test_an_order_comes_back_from_the_database_as_it_was(replicas: list[Replica]) -> None:
    await replicas[0].submit("1")
    read = await OrderReadModels(replicas[0].database).order(key_of("1"))
    assert read is not None
    assert read.draft == draft("1")
