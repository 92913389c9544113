"""Commands of sagas: carried out at least once, answered exactly once, never dropped."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tandem_core.clock import FixedClock
from tandem_platform import saga_commands
from tandem_platform.saga_commands import (
    RETRY_MS_MIN,
    STUCK_ATTEMPTS,
    CommandDispatcher,
    CommandEnvelope,
    complete_commands,
    pending_commands,
    stuck_commands,
)

from .conftest import Databases
from .harness import eventually
from .saga_harness import SagaDatabase, asked

Effect = Callable[[CommandEnvelope], Awaitable[None]]


@pytest.fixture
async def sagas(databases: Databases) -> AsyncIterator[SagaDatabase]:
    made = SagaDatabase(databases.new())
    await made.create()
    yield made
    await made.database.close()


class Errands:
    """Carries commands out; counts calls and answers taken."""

    def __init__(self, sagas: SagaDatabase) -> None:
        self.sagas = sagas
        self.calls: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.fails = 0

    async def execute(self, envelope: CommandEnvelope) -> None:
        self.calls[envelope.id] += 1
        if self.fails > 0:
            self.fails -= 1
            raise ConnectionError("nobody answers")
        async with self.sagas.database.transaction() as connection:
            for command_id in await complete_commands(connection, [envelope.id]):
                self.taken[command_id] += 1

    async def done(self, number: int) -> bool:
        return len(self.taken) == number


async def ask(sagas: SagaDatabase, clock: FixedClock, number: int) -> None:
    for place in range(number):
        await sagas.advance(clock.now(), asked(clock.now()), saga_id=f"s-{place}")


@asynccontextmanager
async def dispatching(
    sagas: SagaDatabase, execute: Effect, owner: str = "r-1"
) -> AsyncIterator[CommandDispatcher]:
    dispatcher = CommandDispatcher(sagas.database, execute, owner=owner)
    await dispatcher.start()
    try:
        yield dispatcher
    finally:
        await dispatcher.stop()


async def test_every_command_is_carried_out_and_answered_once(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    errands = Errands(sagas)
    await ask(sagas, clock, 30)
    async with dispatching(sagas, errands.execute):
        await eventually(lambda: errands.done(30))
    assert set(errands.calls.values()) == set(errands.taken.values()) == {1}


async def test_commands_of_one_saga_are_carried_out_in_order(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    errands, began = Errands(sagas), list[tuple[str, int]]()
    gate = asyncio.Event()

    async def first_waits(envelope: CommandEnvelope) -> None:
        began.append((envelope.saga_id, envelope.values["n"]))
        if envelope.saga_id == "s-0" and envelope.values["n"] == 1:
            await gate.wait()
        await errands.execute(envelope)

    await sagas.advance(clock.now(), *[asked(clock.now())] * 3, saga_id="s-0")
    await sagas.advance(clock.now(), asked(clock.now()), saga_id="s-1")
    async with (
        dispatching(sagas, first_waits, "r-1"),
        dispatching(sagas, first_waits, "r-2"),
    ):
        await eventually(lambda: errands.done(1))
        assert sorted(began) == [("s-0", 1), ("s-1", 1)]
        gate.set()
        await eventually(lambda: errands.done(4), 5)
    assert [n for saga_id, n in began if saga_id == "s-0"] == [1, 2, 3]


async def test_two_dispatchers_never_both_complete_a_command(
    sagas: SagaDatabase, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Leases so short that both carry out the same commands.
    monkeypatch.setattr(saga_commands, "LEASE_SECONDS", 0)
    errands = Errands(sagas)
    begun: Counter[str] = Counter()
    twice = asyncio.Event()

    async def once_both_have_one(envelope: CommandEnvelope) -> None:
        begun[envelope.id] += 1
        if begun[envelope.id] == 2:
            twice.set()
        async with asyncio.timeout(20):
            await twice.wait()
        await errands.execute(envelope)

    await ask(sagas, clock, 10)
    async with (
        dispatching(sagas, once_both_have_one, "r-1"),
        dispatching(sagas, once_both_have_one, "r-2"),
    ):
        await eventually(lambda: errands.done(10))
        await eventually(lambda: _none_pending(sagas))
    assert sum(errands.calls.values()) > 10
    assert set(errands.taken.values()) == {1}


async def test_stopping_ends_also_when_it_meets_a_wake_up(sagas: SagaDatabase) -> None:
    dispatcher = CommandDispatcher(sagas.database, Errands(sagas).execute, owner="r-1")
    await dispatcher.start()
    await asyncio.sleep(0.1)  # it pauses now, for there is nothing to do
    dispatcher.wake()
    async with asyncio.timeout(5):
        await dispatcher.stop()


async def test_one_process_does_not_carry_out_a_command_beside_itself(
    sagas: SagaDatabase, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saga_commands, "LEASE_SECONDS", 0)
    errands, calls = Errands(sagas), Counter[str]()
    gate = asyncio.Event()

    async def held_up(envelope: CommandEnvelope) -> None:
        calls[envelope.id] += 1
        await gate.wait()
        await errands.execute(envelope)

    await ask(sagas, clock, 2)
    async with dispatching(sagas, held_up) as dispatcher:
        await eventually(lambda: _is(len(calls) == 2))
        for _ in range(3):
            dispatcher.wake()
            await asyncio.sleep(0.05)
        assert set(calls.values()) == {1}
        gate.set()
        await eventually(lambda: errands.done(2))


async def test_a_command_that_fails_comes_again_later_each_time(
    sagas: SagaDatabase, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saga_commands, "IDLE_SECONDS_MAX", 0.01)
    errands, called_at = Errands(sagas), list[float]()
    errands.fails = 2

    async def noting(envelope: CommandEnvelope) -> None:
        called_at.append(time.monotonic())
        await errands.execute(envelope)

    await ask(sagas, clock, 1)
    async with dispatching(sagas, noting):
        await eventually(lambda: errands.done(1))
    first, second, third = called_at
    assert second - first >= 2 * RETRY_MS_MIN / 1000
    assert third - second >= 4 * RETRY_MS_MIN / 1000


async def test_a_command_that_goes_on_failing_is_kept_and_counted_as_stuck(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    errands = Errands(sagas)
    errands.fails = 1
    await ask(sagas, clock, 1)
    await sagas.rows("UPDATE saga_command SET attempts = :n RETURNING 1", n=STUCK_ATTEMPTS - 1)
    async with dispatching(sagas, errands.execute):
        await eventually(lambda: _has_error(sagas))
        async with sagas.database.transaction() as connection:
            assert await stuck_commands(connection) == 1
            assert await pending_commands(connection) == 1


async def test_a_killed_replica_takes_its_commands_back_at_once(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    await ask(sagas, clock, 3)
    await sagas.rows(
        "UPDATE saga_command SET lease_owner = 'r-1', next_at = now() + interval '30 s' RETURNING 1"
    )
    errands = Errands(sagas)
    async with dispatching(sagas, errands.execute, "r-2"):
        await asyncio.sleep(0.1)
        assert errands.calls == Counter()
    async with dispatching(sagas, errands.execute, "r-1"):
        await eventually(lambda: errands.done(3), 5)


async def test_a_replica_that_stops_gives_unfinished_commands_to_the_others(
    sagas: SagaDatabase, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saga_commands, "STOP_SECONDS_MAX", 0.05)
    started = asyncio.Event()

    async def hangs(envelope: CommandEnvelope) -> None:
        started.set()
        await asyncio.Event().wait()

    await ask(sagas, clock, 1)
    async with dispatching(sagas, hangs, "r-1"):
        await started.wait()
    errands = Errands(sagas)
    async with dispatching(sagas, errands.execute, "r-2"):
        await eventually(lambda: errands.done(1), 5)


async def test_a_call_without_end_is_given_up_before_its_lease_is(
    sagas: SagaDatabase, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert saga_commands.EXECUTE_SECONDS_MAX < saga_commands.LEASE_SECONDS
    monkeypatch.setattr(saga_commands, "EXECUTE_SECONDS_MAX", 0.05)
    hung = False
    errands = Errands(sagas)

    async def hangs_once(envelope: CommandEnvelope) -> None:
        nonlocal hung
        if not hung:
            hung = True
            await asyncio.Event().wait()
        await errands.execute(envelope)

    await ask(sagas, clock, 1)
    async with dispatching(sagas, hangs_once):
        await eventually(lambda: errands.done(1), 5)


async def test_an_old_attempt_does_not_cut_short_the_lease_of_a_newer_one(
    sagas: SagaDatabase, clock: FixedClock
) -> None:
    await ask(sagas, clock, 1)
    gate, failed = asyncio.Event(), asyncio.Event()

    async def fails_late(envelope: CommandEnvelope) -> None:
        await gate.wait()
        failed.set()
        raise ConnectionError

    async with dispatching(sagas, fails_late, "r-1"):
        await eventually(lambda: _attempts(sagas, 1))
        # Meanwhile another replica took the command over.
        await sagas.rows(
            "UPDATE saga_command SET attempts = 2, lease_owner = 'r-2',"
            " next_at = now() + interval '30 s' RETURNING 1"
        )
        gate.set()
        await failed.wait()
    assert await sagas.one("SELECT next_at > now() + interval '20 s' FROM saga_command")


async def _attempts(sagas: SagaDatabase, number: int) -> bool:
    return bool(await sagas.one("SELECT attempts FROM saga_command") == number)


async def _has_error(sagas: SagaDatabase) -> bool:
    return bool(await sagas.one("SELECT count(*) FROM saga_command WHERE last_error <> ''"))


async def _none_pending(sagas: SagaDatabase) -> bool:
    async with sagas.database.transaction() as connection:
        return await pending_commands(connection) == 0


async def _is(value: bool) -> bool:
    return value
