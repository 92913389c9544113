"""The order service for real: Postgres, NATS, gRPC; stock from a stub, facts from a producer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text
from tandem.common.v1.external_ref_pb2 import ExternalRef
from tandem.common.v1.money_pb2 import Money
from tandem.connector.v1 import events_pb2 as facts
from tandem.order.v1 import order_service_pb2 as api
from tandem.order.v1.fulfilment_service_pb2_grpc import FulfilmentServiceStub
from tandem.order.v1.order_draft_pb2 import OrderDraft, OrderDraftLine, TaxLine
from tandem.order.v1.order_pb2 import Order
from tandem.order.v1.order_service_pb2_grpc import OrderServiceStub
from tandem.order.v1.return_service_pb2_grpc import ReturnServiceStub
from tandem_core.ids import Uuid7Factory, deterministic_id
from tandem_order_orchestrator.bootstrap import build
from tandem_order_orchestrator.settings import OrderSettings
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal, event_from
from tandem_platform.event_payload import to_json
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.internal_token import TokenSigner, generate_key_pair
from tandem_platform.jetstream import JetStream
from tandem_platform.process import serve
from tandem_platform.relay import Relay
from tandem_platform.remote_error import RemoteError
from tandem_platform.settings import ServiceSettings
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_testing.child_process import accepts_connections, free_port
from tandem_testing.grpc_wire import CLIENT, caller

from .stock_stub import Stock, serving_stock

TENANT, PARTITIONS, WAIT_S = "demo", 2, 20.0
STARTED = datetime(2026, 3, 2, 9, tzinfo=UTC)
new_id = Uuid7Factory().new_id


async def eventually(check: Callable[[], Awaitable[Any]], wait_s: float = WAIT_S) -> Any:
    """The first true answer of ``check``; fails when the time is over."""
    deadline = time.monotonic() + wait_s
    while not (found := await check()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)
    return found


def stamp(at: datetime = STARTED) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(at)
    return made


def usd(minor: int) -> Money:
    return Money(currency_code="USD", minor_units=minor)


def line(ref: str, sku: str, quantity: int, each: int = 1000) -> OrderDraftLine:
    return OrderDraftLine(
        line_ref=ref,
        sku=sku,
        quantity=quantity,
        list_amount=usd(each * quantity),
        taxes=[
            TaxLine(
                jurisdiction="US-NY",
                amount=usd(80 * quantity),
                collector=TaxLine.COLLECTOR_SELLER,
            )
        ],
    )


def draft(name: str, *lines: OrderDraftLine, type_: str = "order") -> OrderDraft:
    """Two mugs for 21.60 and shipping for 5.00, unless told otherwise."""
    return OrderDraft(
        external_ref=ExternalRef(system="shop", type=type_, id=name),
        channel="web",
        currency_code="USD",
        place_time=stamp(),
        lines=lines or [line("1", "MUG", 2)],
        shipping_amount=usd(500 if type_ == "order" else 0),
        payment_method="card",
        display_name=f"#{name}",
    )


@dataclass
class Keys:
    """Identities of the services of a test."""

    folder: Path

    def __post_init__(self) -> None:
        own_private, self.own_public = generate_key_pair()
        self.client_private, client_public = generate_key_pair()
        (self.folder / "own.pem").write_bytes(own_private)
        trusted = {CLIENT: client_public, "order-orchestrator": self.own_public}
        (self.folder / "trusted.json").write_text(json.dumps(trusted))


def settings_for(keys: Keys, database_url: str, nats_url: str, stock_at: str) -> OrderSettings:
    return OrderSettings(
        database_url=database_url,
        nats_url=nats_url,
        grpc_port=free_port(),
        replica="orders-0",
        partitions=PARTITIONS,
        peers={"inventory-availability": stock_at, "connectors": f"127.0.0.1:{free_port()}"},
        signing_key_file=keys.folder / "own.pem",
        trusted_keys_file=keys.folder / "trusted.json",
        drain_wait_ms=0,
        drain_grace_ms=1_000,
    )


class FactSource:
    """A connectors service in miniature: its journal and relay."""

    def __init__(self, url: str, nats_url: str) -> None:
        self._database = Database(url)
        self._journal = EventJournal("connector", PARTITIONS)
        self._units = UnitOfWorkFactory(self._database, self._journal)
        self._bus = JetStream(nats_url, "connectors")
        self._relay = Relay(self._database, self._journal, self._bus, "connectors", "c-0")
        self._versions: dict[tuple[str, str], int] = {}

    async def start(self) -> None:
        await self._bus.start()
        await self._relay.start()

    async def stop(self) -> None:
        await self._relay.stop()
        await self._bus.stop()
        await self._database.close()

    async def tell(self, fact: Message, aggregate_type: str, aggregate_id: str) -> None:
        key = (aggregate_type, aggregate_id)
        self._versions[key] = self._versions.get(key, 0) + 1
        async with self._units() as uow:
            uow.record(
                event_from(
                    fact,
                    aggregate_type=aggregate_type,
                    aggregate_id=aggregate_id,
                    aggregate_version=self._versions[key],
                    occurred_at=datetime.now(UTC),
                    tenant=TENANT,
                )
            )
            await uow.commit()

    async def paid(self, due: dict[str, Any], order_id: str, *, declined: str = "") -> None:
        """Answers a `PaymentDue`."""
        outcome = facts.PAYMENT_OUTCOME_DECLINED if declined else facts.PAYMENT_OUTCOME_SUCCEEDED
        action = due["action"].removeprefix("ACTION_")
        fact = facts.PaymentCompleted(
            command_id=due["command_id"],
            order_id=order_id,
            action=facts.PaymentAction.Value(f"PAYMENT_ACTION_{action}"),
            outcome=outcome,
            amount=usd(int(due["amount"]["minor_units"])),
            provider_ref="" if declined else f"{action.lower()}-ref",
            decline_reason=declined,
            complete_time=stamp(),
        )
        await self.tell(fact, "payment_command", due["command_id"])


class Running:
    """What a test asks and tells."""

    def __init__(self, channel: ServiceChannel, url: str, stock: Stock, source: FactSource) -> None:
        self.orders = OrderServiceStub(channel)
        self.fulfilments = FulfilmentServiceStub(channel)
        self.returns = ReturnServiceStub(channel)
        self.database = Database(url)
        self.stock = stock
        self.facts = source

    async def rows(self, statement: str, **arguments: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            return list(await connection.execute(text(statement), arguments))

    async def events(self, order_id: str) -> list[str]:
        """Names of the order's events; their versions must be gapless."""
        rows = await self.rows(
            "SELECT type, agg_version FROM event_journal WHERE agg_id = :id ORDER BY agg_version",
            id=order_id,
        )
        assert [row[1] for row in rows] == list(range(1, len(rows) + 1))
        return [row[0].rpartition(".")[2] for row in rows]

    async def dues(self, order_id: str) -> list[dict[str, Any]]:
        rows = await self.rows(
            "SELECT type, payload FROM event_journal WHERE agg_id = :id"
            " AND type LIKE '%.PaymentDue' ORDER BY agg_version",
            id=order_id,
        )
        return [json.loads(to_json(row[0], bytes(row[1]))) for row in rows]

    async def due(self, order_id: str, action: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found = [d for d in await self.dues(order_id) if d["action"] == f"ACTION_{action}"]
            return found[-1] if found else None

        return await eventually(look)  # type: ignore[no-any-return]  # a due, or it failed

    async def submit(self, order: OrderDraft, wait_ms: int = 8000) -> Order:
        request = api.SubmitOrderRequest(request_id=new_id(), order=order, wait_ms=wait_ms)
        return (await self.orders.SubmitOrder(request)).order

    async def order(self, order_id: str) -> Order:
        return (await self.orders.GetOrder(api.GetOrderRequest(order_id=order_id))).order

    async def reaches(self, order_id: str, state: str) -> Order:
        async def look() -> Order | None:
            try:
                order = await self.order(order_id)
            except RemoteError as error:
                if error.reason != "NOT_FOUND":
                    raise
                return None
            return order if order.state == Order.State.Value(f"STATE_{state}") else None

        return await eventually(look)  # type: ignore[no-any-return]  # an order, or it failed

    async def pay(self, order_id: str, *actions: str) -> None:
        for action in actions:
            await self.facts.paid(await self.due(order_id, action), order_id)

    async def released(self, order: OrderDraft) -> Order:
        """An order that is reserved, paid and given to its locations."""
        made = await self.submit(order)
        await self.pay(made.id, "AUTHORISE", "CAPTURE")
        return await self.reaches(made.id, "RELEASED")

    async def quiet(self) -> None:
        """Waits until no command is open."""

        async def look() -> bool:
            rows = await self.rows("SELECT count(*) FROM saga_command WHERE done_at IS NULL")
            return bool(rows[0][0] == 0)

        await eventually(look)


def id_of(order: OrderDraft) -> str:
    ref = order.external_ref
    return deterministic_id("order", TENANT, ref.system, ref.type, ref.id)


def calls_to(settings: ServiceSettings, keys: Keys) -> ServiceChannel:
    identity = caller(tenant=TENANT)
    return ServiceChannel(
        ServiceSettings(service_name=CLIENT, peers={settings.service_name: settings.grpc_address}),
        settings.service_name,
        identity=lambda: identity,
        signer=TokenSigner(CLIENT, keys.client_private),
    )


@asynccontextmanager
async def order_service(
    folder: Path, urls: tuple[str, str], nats_url: str, stock: Stock
) -> AsyncIterator[Running]:
    """The service in this process; ``urls`` are its database and the one of the fact source."""
    keys, stopping = Keys(folder), asyncio.Event()
    async with serving_stock(stock, keys.own_public) as stock_at:
        settings = settings_for(keys, urls[0], nats_url, stock_at)
        service = asyncio.create_task(serve(settings, build, stop=stopping))
        source = FactSource(urls[1], nats_url)
        await source.start()
        channel = calls_to(settings, keys)
        running = Running(channel, urls[0], stock, source)
        try:
            await _listens(settings, service)
            yield running
        finally:
            stopping.set()
            await service
            await channel.close()
            await source.stop()
            await running.database.close()


async def _listens(settings: OrderSettings, service: asyncio.Task[None]) -> None:
    # A first call before the port listens would cost the channel a second of back-off.
    async def look() -> bool:
        if service.done():
            service.result()
        return accepts_connections(settings.grpc_port)

    await eventually(look)
