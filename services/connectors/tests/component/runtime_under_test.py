"""The runtime in the test's process: real Postgres, real provider, no NATS; crashes on demand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text
from tandem.connector.v1 import ingress_service_pb2 as ingress
from tandem.connector.v1.connection_service_pb2_grpc import ConnectionServiceStub
from tandem.connector.v1.inbound_document_service_pb2_grpc import InboundDocumentServiceStub
from tandem.connector.v1.ingress_service_pb2_grpc import IngressServiceStub
from tandem_connector_sdk.documents import SecretSet
from tandem_connector_sdk.models import PaymentAction, PaymentCommand, PaymentResult
from tandem_connector_sdk.plugin import Link
from tandem_connector_sdk.registry import load_connectors
from tandem_connectors.adapters.beside_the_loop import beside_the_loop
from tandem_connectors.adapters.postgres.transaction import PostgresTransactions
from tandem_connectors.adapters.trace_context import TelemetryTraces
from tandem_connectors.adapters.wire.event_mapping import ContractEncoder
from tandem_connectors.application.carry_out_payments import CarryOutPayments, PaymentParts
from tandem_connectors.application.connection_book import Configured, ConnectionBook
from tandem_connectors.application.poll_provider import PollParts, PollProvider
from tandem_connectors.application.queue_payment import QueuePayment
from tandem_connectors.application.receive_payload import ReceivePayload
from tandem_connectors.application.retry_inbound_document import RetryInboundDocumentHandler
from tandem_connectors.application.settle_commands import SettleCommands
from tandem_connectors.application.store_documents import StoreDocuments
from tandem_connectors.application.translate_documents import TranslateDocuments
from tandem_connectors.application.translate_received import TranslateReceived
from tandem_connectors.domain.connection import Connection
from tandem_connectors.entrypoints.grpc_connection_service import ConnectionService
from tandem_connectors.entrypoints.grpc_inbound_document_service import InboundDocumentService
from tandem_connectors.entrypoints.grpc_ingress_service import IngressService
from tandem_core.clock import FixedClock
from tandem_core.ids import Uuid7Factory
from tandem_core.money import Money
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_testing.grpc_wire import TENANT, serve_in_process

SECRET, PREVIOUS_SECRET, PROVIDER_KEY = b"shop-secret", b"older-shop-secret", "provider-key"
SHOP, STORES, WAREHOUSE, PROVIDER = "shop", "stores", "warehouse", "payments"
FIXTURES = Path(__file__).parents[4] / "libs" / "connectors"


class Crash(BaseException):
    """The process died here: nothing may handle it."""


@dataclass
class CrashPoints:
    """Names of points that let the next pass die."""

    armed: set[str] = field(default_factory=set)

    async def __call__(self, name: str) -> None:
        if name in self.armed:
            self.armed.discard(name)
            raise Crash(name)


class RecordingClient:
    """The real client; remembers what was pushed, since the provider forgives repeats."""

    actions = frozenset(PaymentAction)

    def __init__(self, client: Any) -> None:
        self._client = client
        self.pushed: list[str] = []

    async def push(self, command: PaymentCommand, timeout_seconds: float) -> PaymentResult:
        self.pushed.append(command.command_id)
        result: PaymentResult = await self._client.push(command, timeout_seconds)
        return result

    async def find(self, command: PaymentCommand) -> PaymentResult | None:
        found: PaymentResult | None = await self._client.find(command)
        return found


@dataclass
class Running:
    """The parts a test drives by hand: rounds instead of loops, so that no test waits."""

    database: Database
    transactions: PostgresTransactions
    translation: TranslateReceived
    payments: CarryOutPayments
    poll: PollProvider | None
    queue: QueuePayment
    pushed: list[str]
    clock: FixedClock
    crash: CrashPoints
    ingress: IngressServiceStub
    documents: InboundDocumentServiceStub
    connections: ConnectionServiceStub

    async def translate_all(self) -> None:
        while await self.translation.round():
            continue

    async def rows(self, statement: str) -> list[Any]:
        async with self.database.connection() as connection:
            return list((await connection.execute(text(statement))).all())

    async def events(self) -> list[tuple[str, str, int]]:
        rows = await self.rows(
            "SELECT type, agg_id, agg_version FROM event_journal"
            " ORDER BY agg_id, agg_type, agg_version"
        )
        return [(row[0].rpartition(".")[2], row[1], row[2]) for row in rows]

    async def states(self) -> list[tuple[str, str, str]]:
        rows = await self.rows("SELECT state, reason, field FROM inbound_document ORDER BY id")
        return [(row[0], row[1], row[2]) for row in rows]

    async def send_file(self, connection: str, name: str, content: bytes) -> Any:
        request = ingress.ReceiveFileRequest(
            connection_id=connection, file_name=name, content=content
        )
        return await self.ingress.ReceiveFile(request)

    async def queue_payment(self, command: PaymentCommand) -> None:
        async with self.transactions() as transaction:
            arrived = (self.clock.now(), {})
            await self.queue.handle(transaction, TENANT, "card", command, arrived)
            await transaction.commit()

    async def pay_due(self) -> None:
        for command in await self.payments.claim(32):
            await self.payments.carry_out(command)


def webhook(
    body: bytes,
    *,
    delivery: str = "delivery-1",
    event: str = "",
    topic: str = "orders/create",
    secret: bytes = SECRET,
) -> ingress.ReceiveWebhookRequest:
    """A webhook as Shopify would send it."""
    digest = hmac.new(secret, body, hashlib.sha256).digest()
    headers = {
        "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
        "x-shopify-topic": topic,
        "x-shopify-webhook-id": delivery,
        "x-shopify-event-id": event or f"event-of-{delivery}",
    }
    return ingress.ReceiveWebhookRequest(connection_id=SHOP, headers=headers, body=body)


def sample(connector: str, name: str) -> bytes:
    """A fixture of a connector."""
    return (FIXTURES / connector / "fixtures" / name).read_bytes()


def an_order(order_id: int = 1, **changed: object) -> bytes:
    """A Shopify order of two pieces."""
    order = {
        "id": order_id,
        "name": f"#{order_id}",
        "created_at": "2026-03-02T09:15:00Z",
        "currency": "USD",
        "total_price": "20.00",
        "payment_gateway_names": ["bogus"],
        "line_items": [{"id": 11, "sku": "MUG", "quantity": 2, "price": "10.00"}],
    }
    return json.dumps(order | changed).encode()


def authorise(command_id: str = "cmd-1") -> PaymentCommand:
    """An authorisation of 20 dollars."""
    return PaymentCommand(command_id, "order-1", PaymentAction.AUTHORISE, Money("USD", 2000))


def _book(provider_url: str, tenants: dict[str, str]) -> ConnectionBook:
    plugins = load_connectors()
    settings: dict[str, dict[str, object]] = {
        SHOP: {"channel": "web"},
        STORES: {"time_zone": "-05:00", "sku_scales": {"APPLE-KG": 3}},
        WAREHOUSE: {"sku_scales": {"APPLE-KG": 3}},
        PROVIDER: {"base_url": provider_url},
    }
    connectors = {
        SHOP: "shopify",
        STORES: "poslog",
        WAREHOUSE: "csv_files",
        PROVIDER: "payment_simulator",
    }
    secrets = {
        SHOP: SecretSet((SECRET, PREVIOUS_SECRET)),
        PROVIDER: SecretSet((PROVIDER_KEY.encode(),)),
    }
    return ConnectionBook(
        Configured(
            Connection(key, name, tenants.get(key, TENANT), settings[key]),
            plugins[name],
            secrets.get(key, SecretSet(())),
        )
        for key, name in connectors.items()
    )


@asynccontextmanager
async def running_connectors(
    database_url: str,
    clock: FixedClock,
    provider_url: str = "http://127.0.0.1:1",
    **tenants: str,
) -> AsyncIterator[Running]:
    """The runtime; `tenants` gives connections to other tenants than the caller's."""
    database = Database(database_url, pool_size=12)
    units = UnitOfWorkFactory(database, EventJournal("connector", 4))
    transactions, traces = PostgresTransactions(units, "replica-1"), TelemetryTraces()
    book, crash, encoder = _book(provider_url, tenants), CrashPoints(), ContractEncoder()
    translate = TranslateDocuments(book, encoder, traces, clock, beside_the_loop)
    provider = book.get(PROVIDER)
    assert provider.plugin.open_client is not None
    client = provider.plugin.open_client(
        Link(PROVIDER, provider.connection.settings, provider.secrets)
    )
    pushes = RecordingClient(client)
    parts = PaymentParts(book, {PROVIDER: pushes}, encoder, traces, clock, crash)
    poll_parts = PollParts(translate, traces, clock, crash)
    tokens = PageTokens(b"page-token-key-of-the-tests")
    servicers = [
        IngressService(
            ReceivePayload(StoreDocuments(transactions).alone, book, traces, clock, Uuid7Factory()),
            lambda: None,
        ),
        InboundDocumentService(
            transactions,
            RetryInboundDocumentHandler(translate),
            IdempotentWrites(units, clock),
            tokens,
        ),
        ConnectionService(book, database, tokens),
    ]
    async with serve_in_process(servicers) as channel:
        yield Running(
            database=database,
            transactions=transactions,
            translation=TranslateReceived(transactions, translate, clock, crash),
            payments=CarryOutPayments(
                transactions, parts, SettleCommands(transactions, crash).alone
            ),
            poll=PollProvider(transactions, poll_parts, provider, client, "transactions"),
            queue=QueuePayment(book),
            pushed=pushes.pushed,
            clock=clock,
            crash=crash,
            ingress=IngressServiceStub(channel),
            documents=InboundDocumentServiceStub(channel),
            connections=ConnectionServiceStub(channel),
        )
    await client.close()
    await database.close()
