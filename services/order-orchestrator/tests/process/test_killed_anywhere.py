"""The service as its own process, killed at every point between a request and its effects.

Goal: every order reaches its end, and stock is claimed and settled once. Method: the process dies
at a named point while orders come in, starts again on the same data, and the client repeats its
requests; then payments and shipments follow. Left out: Postgres and NATS dying, which the
platform's own tests cover.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tandem.order.v1 import fulfilment_service_pb2 as fulfilment
from tandem.order.v1 import order_service_pb2 as api
from tandem.order.v1.order_pb2 import Order
from tandem_order_orchestrator.settings import OrderSettings
from tandem_platform.fault_points import VARIABLE
from tandem_platform.remote_error import RemoteError
from tandem_testing.child_process import accepts_connections

from ..order_service_under_test import (
    FactSource,
    Keys,
    Running,
    calls_to,
    draft,
    eventually,
    new_id,
    settings_for,
    stamp,
)
from ..stock_stub import Stock, serving_stock

PACKAGE = "tandem_order_orchestrator"
ORDERS_PER_POINT = 3
POINTS = (
    "unit_of_work.before_commit",
    "unit_of_work.after_commit",
    "saga.after_claim",
    "order.after_command_call",
)


async def test_orders_reach_their_end_once_wherever_the_process_dies(
    tmp_path: Path, migrated_database: Callable[[str], str], nats_url: str
) -> None:
    stock = Stock(on_hand={("MUG", "DC-1"): 1000})
    keys = Keys(tmp_path)
    urls = (migrated_database(PACKAGE), migrated_database(PACKAGE))
    async with serving_stock(stock, keys.own_public) as stock_at:
        settings = settings_for(keys, urls[0], nats_url, stock_at)
        requests: list[api.SubmitOrderRequest] = []
        for point in POINTS:
            async with process(settings, f"{point}:kill:2") as child:
                requests += _new_requests(len(requests))
                async with talking(settings, keys, urls, nats_url, stock) as client:
                    await _submit_until_it_dies(client, requests, child)
                assert await child.wait() == -signal.SIGKILL, point
        async with (
            process(settings, "") as child,
            talking(settings, keys, urls, nats_url, stock) as client,
        ):
            await _to_the_end(client, requests)
            await _everything_once(client, requests)
            child.terminate()
            assert await asyncio.wait_for(child.wait(), 20) == 0


def _new_requests(first: int) -> list[api.SubmitOrderRequest]:
    return [
        api.SubmitOrderRequest(request_id=new_id(), order=draft(f"k{first + n}"))
        for n in range(ORDERS_PER_POINT)
    ]


async def _submit_until_it_dies(
    client: Running, requests: list[api.SubmitOrderRequest], child: asyncio.subprocess.Process
) -> None:
    async def once() -> bool:
        for request in requests[-ORDERS_PER_POINT:]:
            try:
                await client.orders.SubmitOrder(request)
            except RemoteError:
                return True
        return child.returncode is not None

    await eventually(once)


async def _to_the_end(client: Running, requests: list[api.SubmitOrderRequest]) -> None:
    answers = [await client.orders.SubmitOrder(request) for request in requests]
    ids = [answer.order.id for answer in answers]
    for order_id in ids:
        await client.reaches(order_id, "RESERVED")
        await client.pay(order_id, "AUTHORISE", "CAPTURE")
    for order_id in ids:
        await client.reaches(order_id, "RELEASED")
        await client.fulfilments.ConfirmShipment(
            fulfilment.ConfirmShipmentRequest(
                request_id=new_id(),
                order_id=order_id,
                location="DC-1",
                shipment_ref=f"s-{order_id}",
                ship_time=stamp(),
            )
        )
    for order_id in ids:
        await client.reaches(order_id, "COMPLETED")


async def _everything_once(client: Running, requests: list[api.SubmitOrderRequest]) -> None:
    orders = (await client.orders.ListOrders(api.ListOrdersRequest(page_size=100))).orders
    assert len(orders) == len(requests)
    assert {order.state for order in orders} == {Order.STATE_COMPLETED}
    for order in orders:
        [live] = client.stock.live(order.id)
        assert live.id == order.reservation_id
        names = await client.events(order.id)
        assert len(names) == order.version
        assert names.count("OrderReserved") == names.count("FulfilmentShipped") == 1
    assert len(client.stock.settled) == len(set(client.stock.settled)) == len(requests)
    assert client.stock.available("MUG", "DC-1") == 1000 - 2 * len(requests)


@asynccontextmanager
async def process(
    settings: OrderSettings, faults: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m` of the service, listening."""
    own = {
        f"TANDEM_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.model_dump(mode="json").items()
        if value not in (None, "")
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", PACKAGE, env={**os.environ, **own, VARIABLE: faults}
    )

    async def listens() -> bool:
        return child.returncode is not None or accepts_connections(settings.grpc_port)

    try:
        await eventually(listens)
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@asynccontextmanager
async def talking(
    settings: OrderSettings, keys: Keys, urls: tuple[str, str], nats_url: str, stock: Stock
) -> AsyncIterator[Running]:
    source, channel = FactSource(urls[1], nats_url), calls_to(settings, keys)
    await source.start()
    running = Running(channel, urls[0], stock, source)
    try:
        yield running
    finally:
        await channel.close()
        await source.stop()
        await running.database.close()
