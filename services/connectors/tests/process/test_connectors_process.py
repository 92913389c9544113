"""The runtime as its own process with Postgres, NATS and a provider: killed where it hurts most.

Goal: what came in is told once, what is due is done once, whatever dies. Method: `kill -9` at
named points and at the door, a second start on the same data, then the truth of the provider and
of the stream. Left out: other services, which the flows of the whole suite cover.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
import yaml
from sqlalchemy import text
from tandem.common.v1 import money_pb2
from tandem.connector.v1.ingress_service_pb2_grpc import IngressServiceStub
from tandem.order.v1 import events_pb2 as orders
from tandem_connector_payment_simulator.server.process import ProviderProcess
from tandem_platform.database import Database
from tandem_platform.event_journal import event_from, published_headers
from tandem_platform.event_subjects import subject_of
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.internal_token import TokenSigner, generate_key_pair
from tandem_platform.jetstream import JetStream, Outgoing
from tandem_platform.partitions import partition_of
from tandem_platform.remote_error import RemoteError
from tandem_platform.settings import ServiceSettings
from tandem_testing.child_process import free_port
from tandem_testing.grpc_wire import CLIENT, caller

from ..component.runtime_under_test import PROVIDER_KEY, SECRET, an_order, webhook

TENANT, PARTITIONS = "demo", 4
WAIT_S = 40.0
_COMES_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class ConnectorsProcess:
    """`python -m tandem_connectors`, started again and again on the same data."""

    def __init__(self, folder: Path, database_url: str, nats_url: str, provider_url: str) -> None:
        self._folder = folder
        self.port = free_port()
        self.private, public = generate_key_pair()
        own_private, own_public = generate_key_pair()
        (folder / "own.pem").write_bytes(own_private)
        trusted = {CLIENT: public, "connectors": own_public}
        (folder / "trusted.json").write_text(json.dumps(trusted))
        self._write_connections(provider_url)
        self._environment = {
            "TANDEM_DATABASE_URL": database_url,
            "TANDEM_NATS_URL": nats_url,
            "TANDEM_GRPC_PORT": str(self.port),
            "TANDEM_REPLICA": "connectors-0",
            "TANDEM_PARTITIONS": str(PARTITIONS),
            "TANDEM_PEERS": json.dumps({"order-orchestrator": f"127.0.0.1:{free_port()}"}),
            "TANDEM_SIGNING_KEY_FILE": str(folder / "own.pem"),
            "TANDEM_TRUSTED_KEYS_FILE": str(folder / "trusted.json"),
            "TANDEM_CONNECTIONS_FILE": str(folder / "connections.yaml"),
            "TANDEM_DRAIN_WAIT_MS": "0",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def _write_connections(self, provider_url: str) -> None:
        (self._folder / "shop.secret").write_bytes(SECRET)
        (self._folder / "provider.secret").write_text(PROVIDER_KEY)
        shop = {"id": "shop", "connector": "shopify", "tenant": TENANT}
        payments = {"id": "payments", "connector": "payment_simulator", "tenant": TENANT}
        entries = [
            shop | {"secret_files": ["shop.secret"]},
            payments
            | {
                "settings": {"base_url": provider_url},
                "secret_files": ["provider.secret"],
                "poll_interval_s": 1,
            },
        ]
        (self._folder / "connections.yaml").write_text(yaml.safe_dump({"connections": entries}))

    def start(self, fault: str = "") -> None:
        environment = {**os.environ, **self._environment, "TANDEM_FAULT_POINTS": fault}
        with (self._folder / "connectors.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tandem_connectors"],
                env=environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self.wait()

    def terminate(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(WAIT_S)

    def wait(self) -> int | None:
        return None if self._process is None else self._process.wait(WAIT_S)

    def died(self) -> bool:
        return self._process is not None and self._process.poll() is not None


@dataclass
class Suite:
    """The process, the doors to it, and what it tells."""

    process: ConnectorsProcess
    ingress: IngressServiceStub
    bus: JetStream
    provider: ProviderProcess
    database: Database

    async def dead(self) -> bool:
        """True when the process died by itself."""
        return self.process.died()

    async def ready(self) -> None:
        """Waits until the process answers and NATS is reached."""
        await self.deliver(an_order(999_999), "ready")

        async def connected() -> bool:
            return self.bus.connected

        await eventually(connected)
        await self.bus.ensure_stream("EVT_ORDER")

    async def deliver(self, body: bytes, delivery: str) -> None:
        """As a shop does: again and again until it is answered."""

        async def taken() -> bool:
            try:
                await self.ingress.ReceiveWebhook(webhook(body, delivery=delivery), timeout=2)
            except RemoteError as error:
                if error.code not in _COMES_AGAIN:
                    raise
                return False
            return True

        await eventually(taken)

    async def make_due(self, command_id: str, version: int = 1) -> None:
        """Publishes what an order says is due."""
        await self.bus.ensure_stream("EVT_ORDER")
        due = orders.PaymentDue(
            order_id=f"order-{command_id}",
            command_id=command_id,
            action=orders.PaymentDue.ACTION_AUTHORISE,
            amount=money_pb2.Money(currency_code="USD", minor_units=2000),
            payment_method="card",
        )
        event = event_from(
            due,
            aggregate_type="order",
            aggregate_id=due.order_id,
            aggregate_version=version,
            occurred_at=datetime.now(UTC),
            tenant=TENANT,
        )
        subject = subject_of(event.event_type, partition_of(event.partition_key, PARTITIONS))
        headers = published_headers(event, "order-orchestrator")
        await self.bus.publish_batch([Outgoing(subject, event.event_id, event.payload, headers)])

    async def told(self, message: str) -> list[str]:
        """Aggregates of the events of a type that are on the stream."""
        statement = text(
            "SELECT agg_id FROM event_journal WHERE published_at IS NOT NULL AND type = :type"
        )
        values = {"type": f"tandem.connector.v1.{message}"}
        async with self.database.transaction() as connection:
            return sorted((await connection.execute(statement, values)).scalars())

    async def has_told(self, message: str, count: int) -> None:
        """Waits until so many are on the stream."""

        async def there() -> bool:
            return len(await self.told(message)) >= count

        await eventually(there)


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Waits for a condition with a deadline."""
    deadline = time.monotonic() + WAIT_S
    while not await check():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.05)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[ProviderProcess]:
    """A payment provider."""
    process = ProviderProcess(tmp_path / "provider", free_port(), PROVIDER_KEY)
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def suite(
    tmp_path: Path, database_url: str, nats_url: str, provider: ProviderProcess
) -> AsyncIterator[Suite]:
    """Everything around the process; each test starts it with the fault it wants."""
    process = ConnectorsProcess(tmp_path, database_url, nats_url, provider.url)
    bus, database = JetStream(nats_url, "test"), Database(database_url)
    await bus.start()
    channel = ServiceChannel(
        ServiceSettings(service_name=CLIENT, peers={"connectors": f"127.0.0.1:{process.port}"}),
        "connectors",
        identity=lambda: caller(tenant=TENANT),
        signer=TokenSigner(CLIENT, process.private),
    )
    yield Suite(process, IngressServiceStub(channel), bus, provider, database)
    process.kill()
    await channel.close()
    await bus.stop()
    await database.close()


async def test_a_webhook_a_payment_and_a_poll_go_all_the_way_and_it_ends_clean(
    suite: Suite,
) -> None:
    suite.process.start()
    await suite.deliver(an_order(1), "d1")
    await suite.make_due("cmd-1")
    suite.provider.admin("captures", amount={"currency": "USD", "value": 4242})
    await suite.has_told("OrderPlaced", 1)
    await suite.has_told("PaymentCompleted", 1)
    await suite.has_told("ProviderTransactionReported", 1)
    assert suite.provider.totals()[("authorisation", "succeeded")] == (1, 2000)
    assert suite.process.terminate() == 0


@pytest.mark.parametrize(
    "fault",
    [
        "unit_of_work.after_commit:kill",
        "connectors.documents_claimed:kill",
        "connectors.documents_translated:kill",
        "connectors.translation_committed:kill",
    ],
)
async def test_killed_between_store_and_journal_an_order_is_told_once(
    suite: Suite, fault: str
) -> None:
    suite.process.start(fault)
    first = asyncio.create_task(suite.deliver(an_order(1), "d1"))
    await eventually(suite.dead)
    suite.process.start()
    await first
    await suite.deliver(an_order(2), "d2")
    await suite.has_told("OrderPlaced", 2)
    assert await suite.told("OrderPlaced") == ["shop|1", "shop|2"]


@pytest.mark.parametrize(
    "fault",
    [
        "connectors.payment_before_push:kill",
        "connectors.payment_answered:kill",
        "connectors.payment_before_commit:kill",
    ],
)
async def test_killed_around_a_payment_the_provider_does_it_once(suite: Suite, fault: str) -> None:
    suite.process.start(fault)
    await suite.ready()
    await suite.make_due("cmd-1")
    await eventually(suite.dead)
    suite.process.start()
    await suite.has_told("PaymentCompleted", 1)
    await suite.make_due("cmd-2")
    await suite.has_told("PaymentCompleted", 2)
    assert await suite.told("PaymentCompleted") == ["cmd-1", "cmd-2"]
    assert suite.provider.totals()[("authorisation", "succeeded")] == (2, 4000)


async def test_killed_at_any_moment_under_load_nothing_is_lost_or_doubled(suite: Suite) -> None:
    suite.process.start()
    sending = asyncio.create_task(_send(suite, range(1, 61)))
    for _ in range(3):
        await asyncio.sleep(0.7)
        suite.process.kill()
        suite.process.start()
    await sending
    await suite.has_told("OrderPlaced", 60)
    await suite.has_told("PaymentCompleted", 60)
    assert len(await suite.told("OrderPlaced")) == 60
    assert len(await suite.told("PaymentCompleted")) == 60
    assert suite.provider.totals()[("authorisation", "succeeded")] == (60, 60 * 2000)


async def _send(suite: Suite, numbers: Iterable[int]) -> None:
    for number in numbers:
        await suite.deliver(an_order(number), f"d{number}")
        await suite.make_due(f"cmd-{number}")
