"""A process killed, or failing, at each point of the way loses no event and doubles none.

Method: a child process writes, relays and applies; the environment names the point where it ends.
It is started again without the fault and must finish the same work. Left out: a machine that loses
power, which the durable settings of Postgres and NATS stand for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tandem_platform import fault_points

from .conftest import Databases
from .harness import Producer, Projection, scalar

ORDERS, STEPS = 6, 5
WAIT_S = 40
KILLED = -signal.SIGKILL

POINTS = [
    "unit_of_work.before_commit",
    "unit_of_work.after_commit",
    "relay.before_publish",
    "relay.after_publish",
    "relay.after_mark",
    "consumer.before_commit",
    "consumer.after_commit",
    "consumer.before_ack",
    "consumer.after_ack",
]
_SOURCES = Path(fault_points.__file__).parent


def test_every_point_of_relay_and_consumer_is_listed_here() -> None:
    named = {
        text.split('"')[1]
        for file in ("unit_of_work.py", "relay.py", "batch_applier.py", "partition_worker.py")
        for text in (_SOURCES / file).read_text().split("await fp(")[1:]
    }
    on_the_way_of_dead_letters = {"consumer.before_dead_letter", "consumer.before_requeued"}
    assert named - on_the_way_of_dead_letters == set(POINTS)


async def test_kills_at_every_point_lose_and_double_nothing(
    databases: Databases, nats_url: str
) -> None:
    urls = (databases.new(), databases.new())
    for steps, point in enumerate(POINTS, start=1):
        # On the same data: each kill also meets what the one before left behind.
        assert await _run(f"{point}:kill:2", steps, *urls, nats_url) == KILLED, point
    assert await _run("", len(POINTS), *urls, nats_url) == 0
    await _everything_once(len(POINTS), *urls)


async def test_errors_at_every_point_are_survived_by_the_process(
    databases: Databases, nats_url: str
) -> None:
    urls = (databases.new(), databases.new())
    points = [point for point in POINTS if not point.startswith("unit_of_work")]
    faults = ",".join(f"{point}:raise:{nth}" for nth, point in enumerate(points, start=1))
    assert await _run(faults, STEPS, *urls, nats_url) == 0
    await _everything_once(STEPS, *urls)


def test_a_misspelt_action_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown action"):
        fault_points.parse("relay.after_publish:kil")


async def _run(faults: str, steps: int, producer_url: str, consumer_url: str, nats_url: str) -> int:
    script = Path(__file__).with_name("fault_process.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        *(producer_url, consumer_url, nats_url, str(ORDERS), str(steps)),
        env={**os.environ, fault_points.VARIABLE: faults},
    )
    try:
        async with asyncio.timeout(WAIT_S):
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _everything_once(steps: int, producer_url: str, consumer_url: str) -> None:
    producer = Producer(producer_url, None)
    journal = await scalar(producer.database, "SELECT count(*) FROM event_journal")
    await producer.database.close()
    assert journal == ORDERS * steps
    projection = Projection(consumer_url, None, None, "look")  # type: ignore[arg-type]  # reads only
    try:
        # The primary key of the projection refuses doubles; the count shows losses.
        assert await projection.count() == ORDERS * steps
        assert await projection.out_of_order() == 0
    finally:
        await projection.database.close()
