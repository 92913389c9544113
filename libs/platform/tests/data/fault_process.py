"""A service process for the fault tests: writes, relays and applies until it is told to stop.

Arguments: producer database, consumer database, NATS address, orders, steps of each. It is started
again after every kill, with the same replica name, as a supervisor would.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from data.harness import DirectJournal, Producer, Projection
from sqlalchemy import text
from tandem_platform.jetstream import JetStream


async def main() -> None:
    producer_url, consumer_url, nats_url, orders, steps = sys.argv[1:]
    bus = JetStream(nats_url, "faulty")
    await bus.start()
    producer = Producer(producer_url, bus)
    projection = Projection(consumer_url, bus, DirectJournal(producer.database), "c-1")
    assert producer.relay is not None
    await producer.relay.start()
    await projection.runner.start()
    for number in range(int(orders)):
        while await _version(producer, f"order-{number}") < int(steps):
            await producer.step(f"order-{number}")
    await projection.has(int(orders) * int(steps))
    # A moment longer: the points after the commit are passed after the last row is visible.
    await asyncio.sleep(0.3)
    await projection.runner.stop()
    await producer.relay.stop()
    await projection.database.close()
    await producer.database.close()
    await bus.stop()


async def _version(producer: Producer, order_id: str) -> int:
    async with producer.database.transaction() as connection:
        found = await connection.execute(
            text("SELECT coalesce(max(version), 0) FROM counter WHERE id = :id"), {"id": order_id}
        )
        return int(found.scalar_one())


if __name__ == "__main__":
    asyncio.run(main())
