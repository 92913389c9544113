"""Two replicas on one database: what holds in one process must hold by the locks of Postgres."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem_core.clock import FixedClock
from tandem_inventory_availability.adapters.wire.stock_mapping import to_bucket
from tandem_inventory_availability.domain.stock_position import Bucket
from tandem_platform.remote_error import RemoteError

from ..unit.signals_under_test import A, B
from ..unit.test_signal_convergence import numbered_set, of_numbers
from .stock_under_test import (
    CAP,
    DC,
    DC2,
    MUG,
    TEE,
    Running,
    line,
    new_id,
    outcomes,
    reserve_request,
    running_stock,
)

Replicas = tuple[Running, Running]


@pytest.fixture
async def replicas(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> AsyncIterator[Replicas]:
    url = migrated_database("tandem_inventory_availability")
    # Batches of one: every command is a transaction that meets those of the other replica.
    async with running_stock(url, clock, 1) as one, running_stock(url, clock, 1) as other:
        yield one, other


async def test_concurrent_reservers_of_two_replicas_fill_the_stock_exactly(
    replicas: Replicas,
) -> None:
    await replicas[0].count(TEE, 50)
    calls = [replicas[n % 2].reserve(line(TEE, 3)) for n in range(40)]
    answers = await outcomes(*calls)
    assert sum(isinstance(answer, wire.Reservation) for answer in answers) == 16
    refused = [answer.reason for answer in answers if isinstance(answer, RemoteError)]
    assert set(refused) == {"INSUFFICIENT_STOCK"}
    assert (await replicas[1].position()).hard_reserved == 48
    assert await replicas[0].differences() == []


async def test_a_new_sku_reserved_by_two_replicas_at_once_is_one_position(
    replicas: Replicas,
) -> None:
    answers = await outcomes(*(replicas[n % 2].reserve(line(MUG, 1)) for n in range(8)))
    assert all(isinstance(answer, RemoteError) for answer in answers)
    assert await replicas[0].rows("SELECT count(*) FROM stock_position") == [(1,)]


async def test_one_request_id_at_two_replicas_makes_one_reservation(replicas: Replicas) -> None:
    await replicas[0].count(TEE, 10)
    request = reserve_request(line(TEE, 2))
    calls = (replicas[n % 2].reservations.Reserve(request) for n in range(8))
    answers = await asyncio.gather(*calls)
    assert len({answer.reservation.id for answer in answers}) == 1
    assert await replicas[0].available() == 8


async def test_an_owner_at_two_replicas_holds_one_reservation(replicas: Replicas) -> None:
    await replicas[0].count(TEE, 100)
    await replicas[0].count(CAP, 100)
    calls = [
        replicas[n % 2].reserve(line((TEE, CAP)[n % 2], 5), owner="order-1") for n in range(12)
    ]
    await asyncio.gather(*calls)
    live = "SELECT count(*) FROM reservation WHERE state = 'CONFIRMED'"
    assert await replicas[0].rows(live) == [(1,)]
    positions = [await replicas[0].position(sku) for sku in (TEE, CAP)]
    assert sum(position.hard_reserved for position in positions) == 5
    assert await replicas[0].differences() == []


async def test_rows_named_in_opposite_orders_at_two_replicas_do_not_deadlock(
    replicas: Replicas,
) -> None:
    for sku in (TEE, CAP, MUG):
        for location in (DC, DC2):
            await replicas[0].count(sku, 1_000, location)
    lines = [line(sku, 1, location) for sku in (TEE, CAP, MUG) for location in (DC, DC2)]
    calls = [replicas[n % 2].reserve(*lines[:: 1 - 2 * (n % 2)]) for n in range(40)]
    answers = await outcomes(*calls)
    assert [answer for answer in answers if not isinstance(answer, wire.Reservation)] == []
    assert await replicas[0].differences() == []


async def test_signals_of_one_source_at_two_replicas_converge(replicas: Replicas) -> None:
    calls = [replicas[n % 2].signal(sequence=n, delta=2) for n in range(1, 21)]
    await asyncio.gather(*calls, *(replicas[0].signal(sequence=n, delta=2) for n in range(1, 9)))
    position = await replicas[0].position()
    assert (position.on_hand, position.gap) == (40, False)
    assert await replicas[0].differences() == []


async def test_settlements_and_movements_at_two_replicas_never_lose_each_other(
    replicas: Replicas,
) -> None:
    one, other = replicas
    await one.signal(sequence=1, snapshot=100)
    made = [await one.reserve(line(TEE, 2)) for _ in range(10)]
    await asyncio.gather(
        *(one.ship(item, f"SHP-{n}", 2) for n, item in enumerate(made)),
        *(other.signal(sequence=n + 2, delta=-2, reference=f"SHP-{n}") for n in range(10)),
    )
    position = await one.position()
    assert (position.on_hand, position.hard_reserved, position.unsettled) == (80, 0, 0)
    assert await one.differences() == []


@pytest.mark.parametrize("seed", range(6))
async def test_shuffled_and_repeated_signals_of_two_replicas_end_in_what_their_set_says(
    replicas: Replicas, seed: int
) -> None:
    """The formula that never saw an order, of the unit tests, against rows and locks."""
    chance = random.Random(seed)
    told = numbered_set(chance) or numbered_set(chance)
    order = told + chance.sample(told, k=len(told) // 2)
    chance.shuffle(order)
    places = {A: (TEE, DC), B: (CAP, DC)}
    calls = []
    for number, signal in enumerate(order):
        (sku, location), kind = places[signal.key], signal.kind.value.lower()
        content: dict[str, object] = {kind: signal.quantity}
        if signal.to_state is not None:
            to_state = to_bucket(signal.to_state)
            content = {"move": signals.StockMove(to_state=to_state, quantity=signal.quantity)}
        values = {"sku": sku, "location": location, "sequence": signal.sequence, **content}
        calls.append(replicas[number % 2].signal(state=to_bucket(signal.state), **values))
    for start in range(0, len(calls), 5):
        await asyncio.gather(*calls[start : start + 5])
    wanted = of_numbers(told)
    for key, (sku, location) in places.items():
        found = await replicas[0].position(sku, location)
        figures = (wanted.get((key, Bucket.SELLABLE), 0), wanted.get((key, Bucket.DAMAGED), 0))
        assert (found.on_hand, found.unsellable) == figures, seed
    assert await replicas[1].differences() == []
    replay = signals.ReplaySignalsRequest(request_id=new_id(), dry_run=True)
    assert list((await replicas[1].signals.ReplaySignals(replay)).differences) == []
