"""A payment nobody answers becomes visible on its order; the clock stands still in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from tandem_core.clock import FixedClock
from tandem_order_orchestrator.adapters.postgres.order_read_models import OrderReadModels
from tandem_order_orchestrator.adapters.postgres.order_transaction import OrderSaga
from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.carry_out_command import CommandExecutor, done
from tandem_order_orchestrator.application.take_payment_answer import TakePaymentAnswer
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_payment import PaymentAnswer, payment_command_id
from tandem_order_orchestrator.domain.order_process import PAYMENT_ANSWER_MINUTES_MAX
from tandem_order_orchestrator.domain.order_reservation import PlannedLine, reserved
from tandem_order_orchestrator.domain.order_state import PaymentAction, PaymentState
from tandem_order_orchestrator.entrypoints.order_commands import OrderCommands
from tandem_platform.saga import SagaEngine
from tandem_platform.saga_commands import CommandDispatcher, pending_commands
from tandem_platform.saga_timers import SagaTimers

from ..order_service_under_test import eventually
from .replica import Replica, key_of

KEY = key_of("1")
WAIT_S = PAYMENT_ANSWER_MINUTES_MAX * 60


async def test_a_payment_not_answered_in_time_is_overdue_until_it_is_answered(
    replicas: list[Replica], clock: FixedClock
) -> None:
    one = replicas[0]
    timers = SagaTimers(one.database, SagaEngine(OrderSaga()), clock, lambda: None)
    await awaiting_authorisation(one)
    due_at = clock.now() + timedelta(minutes=PAYMENT_ANSWER_MINUTES_MAX)
    clock.advance(WAIT_S - 1)
    assert await timers.round() == 0
    clock.advance(1)
    assert await timers.round() == 1
    assert await timers.round() == 0
    await commands_carried_out(one)
    order = await read(one)
    assert order.payment.state is PaymentState.AUTHORISING
    assert [item.due_at for item in order.payment.overdue] == [due_at]
    await authorise(one, order)
    order = await read(one)
    assert order.payment.overdue == ()
    assert order.payment.state is PaymentState.CAPTURING
    assert (await one.rows("SELECT timer_at FROM saga"))[0][0] == clock.now() + timedelta(
        minutes=PAYMENT_ANSWER_MINUTES_MAX
    )


async def test_a_payment_answered_between_ring_and_mark_is_not_marked(
    replicas: list[Replica], clock: FixedClock
) -> None:
    one = replicas[0]
    timers = SagaTimers(one.database, SagaEngine(OrderSaga()), clock, lambda: None)
    await awaiting_authorisation(one)
    clock.advance(WAIT_S)
    assert await timers.round() == 1
    await authorise(one, await read(one))
    await commands_carried_out(one)
    assert (await read(one)).payment.overdue == ()
    types = await one.rows("SELECT type FROM event_journal WHERE type LIKE '%Overdue'")
    assert types == []


async def awaiting_authorisation(replica: Replica) -> None:
    await replica.submit("1")
    plan = [PlannedLine("1", "DC-1", 1)]
    step = existing(lambda order, now: reserved(order, "r", plan, now))
    async with replica.units() as uow:
        await replica.writes.apply(uow, [OrderStep(KEY, step, done)])
        await uow.commit()
    await replica.rows("UPDATE saga_command SET done_at = now() RETURNING 1")


async def authorise(replica: Replica, order: Order) -> None:
    action = PaymentAction.AUTHORISE
    answer = PaymentAnswer(
        command_id=payment_command_id(order, action),
        action=action,
        succeeded=True,
        amount=order.total,
        provider_ref="ref",
        decline_reason="",
        completed_at=order.updated_at,
        currency_code="USD",
    )
    async with replica.units() as uow:
        await replica.writes.apply(uow, [TakePaymentAnswer(KEY, answer).step()])
        await uow.commit()


async def read(replica: Replica) -> Order:
    order = await OrderReadModels(replica.database).order(KEY)
    assert order is not None
    return order


async def commands_carried_out(replica: Replica) -> None:
    async def none_open() -> bool:
        async with replica.database.transaction() as connection:
            return await pending_commands(connection) == 0

    async with dispatching(replica):
        await eventually(none_open)


@asynccontextmanager
async def dispatching(replica: Replica) -> AsyncIterator[None]:
    read_order = OrderReadModels(replica.database).order
    executor = CommandExecutor(None, read_order)  # type: ignore[arg-type]  # no call to stock here
    commands = OrderCommands(executor, replica.writes)
    dispatcher = CommandDispatcher(replica.database, commands.execute, owner="r")
    await dispatcher.start()
    try:
        yield
    finally:
        await dispatcher.stop()
