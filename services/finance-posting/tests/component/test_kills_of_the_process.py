"""The posting process killed at every point of its way loses no journal and doubles none.

Goal: what was told is in the books once, and was told on once, whatever dies. Method: the process
ends itself at a named point while it posts an order whose goods come last, so that holds are made
and released too; on the same data it is started again with the next point. Left out: power failure.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tandem_testing.eventually import eventually
from tandem_testing.service_under_test import end

from .books_under_test import Books
from .shop_events import captured, received, shipped

POINTS = (
    "unit_of_work.before_commit",
    "unit_of_work.after_commit",
    "consumer.before_commit",
    "consumer.after_commit",
    "consumer.before_ack",
    "relay.after_publish",
)
WAIT_S = 40.0


@asynccontextmanager
async def process(books: Books, faults: str = "") -> AsyncIterator[None]:
    """The process, ended by its fault, or by us when it has none."""
    running = books.start(faults)

    async def died() -> bool:
        return running.poll() is not None

    try:
        yield
        if faults:
            await eventually(died, True, wait_s=WAIT_S)
            assert running.returncode == -signal.SIGKILL, faults
    finally:
        code = end(running)
    assert faults or code == 0, "it did not end in peace"


async def tell_order(books: Books, number: int) -> None:
    """An order shipped before its goods were received, each of a SKU of its own."""
    name, sku = f"o{number}", f"SKU-{number}"
    await books.orders.tell(name, shipped(name, sku), captured(name))
    await books.connectors.tell(f"r{number}", received(sku))


async def test_kills_at_every_point_lose_and_double_no_journal(books: Books) -> None:
    for number, point in enumerate(POINTS):
        async with process(books, f"{point}:kill:2"):
            await tell_order(books, number)
    orders = len(POINTS)
    expected = {
        "po.received": orders,
        "payment.captured": orders,
        "shipment.confirmed": orders,
        "deposit.applied": orders,
    }
    async with process(books):
        await books.become(expected, wait_s=WAIT_S)
        await eventually(lambda: untold(books), 0, wait_s=WAIT_S)
    assert await books.dead_letters() == []
    await books_add_up(books, orders)


async def untold(books: Books) -> int:
    """Events of the service that are not on the bus yet."""
    sql = "SELECT count(*) FROM event_journal WHERE published_at IS NULL"
    return int((await books.rows(sql))[0][0])


async def books_add_up(books: Books, orders: int) -> None:
    balances = await books.balances()
    assert sum(balances.values()) == 0
    assert not {"AR_ORDER", "CUSTOMER_DEPOSIT"} & set(balances)
    assert balances["INVENTORY"] == orders * (5_000 - 1_000)
    told = "SELECT count(*) FROM event_journal WHERE type LIKE '%JournalPosted'"
    assert await books.rows(told) == await books.rows("SELECT count(*) FROM journal")
    numbers = await books.rows("SELECT max(sequence), count(*) FROM journal")
    assert numbers == [(4 * orders, 4 * orders)], "journal numbers have no gap"
