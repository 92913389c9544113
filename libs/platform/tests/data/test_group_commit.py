"""Group commit: own answers, unharmed neighbours, order, and a bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tandem_platform.group_commit import GroupCommit, GroupCommitStopped, Overloaded


class Batches:
    """Doubles numbers; remembers the batches it was given."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.done: list[int] = []
        self.open = asyncio.Event()
        self.open.set()

    async def process(self, commands: Sequence[int]) -> list[int | Exception]:
        await self.open.wait()
        self.seen.append(list(commands))
        if 13 in commands:
            raise RuntimeError("the whole transaction fails")
        self.done += commands
        return [ValueError("odd one") if c == 7 else c * 2 for c in commands]


async def test_commands_that_come_together_share_a_batch_and_get_their_own_answers() -> None:
    batches = Batches()
    commits = GroupCommit(batches.process)
    await commits.start()
    batches.open.clear()
    waiting = [asyncio.create_task(commits.submit(number)) for number in range(20, 40)]
    await asyncio.sleep(0)
    batches.open.set()
    assert await asyncio.gather(*waiting) == [number * 2 for number in range(20, 40)]
    assert len(batches.seen) <= 2
    assert batches.done == list(range(20, 40))
    await commits.stop()


async def test_a_refused_command_gets_its_error_and_its_neighbours_their_results() -> None:
    batches = Batches()
    commits = GroupCommit(batches.process)
    await commits.start()
    results = await asyncio.gather(
        *(commits.submit(number) for number in (6, 7, 8)), return_exceptions=True
    )
    assert [results[0], results[2]] == [12, 16]
    assert isinstance(results[1], ValueError)
    await commits.stop()


async def test_a_command_that_breaks_the_transaction_spoils_no_neighbour_and_no_order() -> None:
    batches = Batches()
    commits = GroupCommit(batches.process)
    await commits.start()
    numbers = [1, 2, 13, 3, 4, 5]
    results = await asyncio.gather(
        *(commits.submit(number) for number in numbers), return_exceptions=True
    )
    assert isinstance(results[2], RuntimeError)
    assert [r for r in results if isinstance(r, int)] == [2, 4, 6, 8, 10]
    assert batches.done == [1, 2, 3, 4, 5]
    await commits.stop()


async def test_a_full_queue_refuses_at_once() -> None:
    batches = Batches()
    commits = GroupCommit(batches.process, batch_max=2, queue_max=4)
    await commits.start()
    batches.open.clear()
    waiting = [asyncio.create_task(commits.submit(number)) for number in range(20, 22)]
    await asyncio.sleep(0.02)
    waiting += [asyncio.create_task(commits.submit(number)) for number in range(22, 26)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await commits.submit(99)
    assert refused.value.reason == "OVERLOADED"
    batches.open.set()
    assert len(await asyncio.gather(*waiting)) == 6
    await commits.stop()


async def test_a_lone_command_does_not_linger() -> None:
    batches = Batches()
    commits = GroupCommit(batches.process, linger_ms_max=60_000)
    await commits.start()
    async with asyncio.timeout(5):
        assert await commits.submit(2) == 4
        assert await commits.submit(3) == 6
    await commits.stop()


async def test_a_command_whose_caller_is_gone_before_its_batch_is_not_done() -> None:
    batches = Batches()
    commits = GroupCommit(batches.process, batch_max=1)
    await commits.start()
    batches.open.clear()
    first = asyncio.create_task(commits.submit(1))
    gone = asyncio.create_task(commits.submit(2))
    await asyncio.sleep(0.02)
    gone.cancel()
    await asyncio.wait({gone})
    batches.open.set()
    assert await first == 2
    assert await commits.submit(3) == 6
    assert batches.done == [1, 3]
    await commits.stop()


async def test_stop_finishes_what_waits_and_then_refuses() -> None:
    batches = Batches()
    commits = GroupCommit(batches.process)
    await commits.start()
    waiting = [asyncio.create_task(commits.submit(number)) for number in range(20, 25)]
    await asyncio.sleep(0)
    await commits.stop()
    assert await asyncio.gather(*waiting) == [40, 42, 44, 46, 48]
    with pytest.raises(GroupCommitStopped):
        await commits.submit(1)
