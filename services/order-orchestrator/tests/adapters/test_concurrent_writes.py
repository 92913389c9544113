"""Many writers of the same orders on Postgres: versions stay gapless, neighbours unharmed."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from tandem.order.v1 import order_service_pb2 as api
from tandem_core.errors import DomainError, NotFound
from tandem_order_orchestrator.adapters.order_writes import AnsweredCommand
from tandem_order_orchestrator.adapters.postgres.order_read_models import OrderReadModels
from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.cancel_order import CancelOrder
from tandem_order_orchestrator.application.carry_out_command import Command, nothing_to_do
from tandem_order_orchestrator.domain.order import Change, Order

from .replica import Replica, draft, happen, key_of, new_id


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
        made = await asyncio.gather(*(replica.submit(f"n{number}") for replica in replicas))
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
