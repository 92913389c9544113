"""The saga engine: a step is stored whole or not at all, timers ring once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tandem_core.clock import FixedClock
from tandem_platform.saga import SagaDefinitionUnknown, SagaEngine, SagaEvent, SagaInput, replay
from tandem_platform.saga_timers import FAILED_PUT_OFF_SECONDS, SagaTimers

from .conftest import Databases
from .saga_harness import TENANT, Errand, SagaDatabase, asked, remind


@pytest.fixture
async def sagas(databases: Databases) -> AsyncIterator[SagaDatabase]:
    made = SagaDatabase(databases.new())
    await made.create()
    yield made
    await made.database.close()


async def test_a_step_leaves_state_history_and_commands(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    now = clock.now()
    await sagas.advance(now, asked(now), SagaEvent("told", {"by": "x"}, now), asked(now))
    assert tuple((await sagas.rows("SELECT state, revision, data FROM saga"))[0]) == (
        "ASKED",
        3,
        {"seen": 3},
    )
    history = await sagas.rows(
        "SELECT revision, event_name, from_state, to_state, jsonb_array_length(commands)"
        " FROM saga_history ORDER BY revision"
    )
    assert [tuple(row) for row in history] == [
        (1, "asked", "", "ASKED", 1),
        (2, "told", "ASKED", "ASKED", 0),
        (3, "asked", "ASKED", "ASKED", 1),
    ]
    commands = await sagas.rows(
        "SELECT kind, command_values, headers FROM saga_command ORDER BY command_values->>'n'"
    )
    assert [tuple(row) for row in commands] == [
        ("fetch", {"n": 1}, {"traceparent": "t"}),
        ("fetch", {"n": 3}, {"traceparent": "t"}),
    ]


async def test_a_transaction_rolled_back_leaves_nothing(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    async with sagas.database.connection() as connection:
        inputs = [SagaInput(TENANT, "s-1", asked(clock.now()))]
        await sagas.engine.advance(connection, inputs, clock.now())
    for table in ("saga", "saga_history", "saga_command"):
        assert await sagas.one(f"SELECT count(*) FROM {table}") == 0


async def test_events_at_once_for_one_instance_stand_in_a_row(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    now = clock.now()
    await sagas.advance(now, asked(now))
    await asyncio.gather(*(sagas.advance(now, asked(now)) for _ in range(15)))
    assert await sagas.one("SELECT revision FROM saga") == 16
    assert await sagas.one("SELECT count(DISTINCT revision) FROM saga_history") == 16
    assert await sagas.one("SELECT count(DISTINCT id) FROM saga_command") == 16


async def test_a_stored_history_gives_the_stored_state_again(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    now = clock.now()
    await sagas.advance(now, asked(now), remind(now, 5))
    await sagas.advance(now, asked(now))
    rows = await sagas.rows(
        "SELECT event_name, event_values, recorded_at, to_state FROM saga_history ORDER BY revision"
    )
    steps = replay(Errand(), [SagaEvent(row[0], row[1], row[2]) for row in rows])
    assert [step.state for step in steps] == [row[3] for row in rows]
    assert steps[-1].data == await sagas.one("SELECT data FROM saga")


async def test_an_instance_of_newer_code_is_left_alone(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    await sagas.advance(clock.now(), asked(clock.now()))
    await sagas.rows("UPDATE saga SET definition_version = 2 RETURNING 1")
    with pytest.raises(SagaDefinitionUnknown):
        await sagas.advance(clock.now(), asked(clock.now()))


async def test_a_timer_rings_when_it_is_due_and_only_once(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    rung: list[None] = []
    timers = SagaTimers(sagas.database, sagas.engine, clock, lambda: rung.append(None))
    await sagas.advance(clock.now(), remind(clock.now(), 5))
    clock.advance(299)
    assert await timers.round() == 0
    clock.advance(1)
    assert await timers.round() == 1
    assert await timers.round() == 0
    assert await sagas.one("SELECT data->>'rung' FROM saga") == "1"
    assert len(rung) == 1


async def test_many_replicas_ring_each_timer_once(sagas: SagaDatabase, clock: FixedClock) -> None:
    for number in range(20):
        await sagas.advance(clock.now(), remind(clock.now(), 1), saga_id=f"s-{number}")
    clock.advance(60)
    loops = [SagaTimers(sagas.database, sagas.engine, clock, _nobody) for _ in range(4)]
    assert sum(await asyncio.gather(*(loop.round() for loop in loops))) == 20
    assert await sagas.one("SELECT count(*) FROM saga WHERE data->>'rung' = '1'") == 20


async def test_the_ring_of_a_timer_that_was_put_off_is_not_heard(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    await sagas.advance(clock.now(), remind(clock.now(), 5))
    early = SagaEvent("timer:remind", {}, clock.now())
    await sagas.advance(clock.now(), early)
    await sagas.advance(clock.now(), early, saga_id="nobody")
    assert await sagas.one("SELECT count(*) FROM saga_history") == 1
    assert await sagas.one("SELECT count(*) FROM saga") == 1


async def test_an_event_without_say_on_the_timer_keeps_the_one_its_data_tells(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    await sagas.advance(clock.now(), remind(clock.now(), 5))
    await sagas.advance(clock.now(), asked(clock.now()))
    due = await sagas.one("SELECT timer_at FROM saga")
    assert due == clock.now() + timedelta(minutes=5)


async def test_a_definition_that_raises_is_put_off_and_holds_up_no_other(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    for saga_id in ("a", "b", "c"):
        await sagas.advance(clock.now(), remind(clock.now(), 1), saga_id=saga_id)
    await sagas.advance(clock.now(), SagaEvent("break", {}, clock.now()), saga_id="a")
    clock.advance(60)
    await SagaTimers(sagas.database, sagas.engine, clock, _nobody).round()
    states = await sagas.rows("SELECT id, state, timer_at FROM saga ORDER BY id")
    again = clock.now() + timedelta(seconds=FAILED_PUT_OFF_SECONDS)
    assert [tuple(row) for row in states] == [
        ("a", "WAITING", again),
        ("b", "RUNG", None),
        ("c", "RUNG", None),
    ]


async def test_kinds_do_not_ring_each_others_timers(sagas: SagaDatabase, clock: FixedClock) -> None:
    class Other(Errand):
        kind = "other"

    await sagas.advance(clock.now(), remind(clock.now(), 0))
    timers = SagaTimers(sagas.database, SagaEngine(Other()), clock, _nobody)
    assert await timers.round() == 0


def _nobody() -> None:
    return
