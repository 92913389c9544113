"""Finance: events through JetStream to journals, rules evaluated, history simulated in a stream.

The service runs as its own process on embedded Postgres with fsync on. The stored events of the
simulation are made by SQL: TANDEM_BENCH_EVENTS (1,000,000). Baseline in the same run: the time the
facts alone take to be read from Postgres and parsed. Balances at scale: bench_books.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import psycopg
import uvloop
from bench_report import Figure, report
from google.protobuf.timestamp_pb2 import Timestamp
from ledger_at_scale import generate_events
from tandem.common.v1.money_pb2 import Money
from tandem.connector.v1.events_pb2 import GoodsReceived
from tandem.finance.v1 import ledger_service_pb2 as ledger
from tandem.finance.v1 import rule_service_pb2 as rules
from tandem.finance.v1.ledger_service_pb2_grpc import LedgerServiceStub
from tandem.finance.v1.rule_service_pb2_grpc import RuleServiceStub
from tandem.order.v1.events_pb2 import PaymentCaptured
from tandem_finance_posting.adapters.rules.rule_files import default_rules
from tandem_finance_posting.domain.rule_comparison import StoredEvent, ruled_lines
from tandem_platform import migrations
from tandem_platform.event_journal import JournalEvent, event_from, published_headers
from tandem_platform.event_subjects import subject_of
from tandem_platform.jetstream import JetStream, Outgoing
from tandem_platform.partitions import partition_of
from tandem_platform.remote_error import RemoteError
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres
from tandem_testing.eventually import eventually
from tandem_testing.grpc_wire import TENANT
from tandem_testing.service_under_test import ServiceUnderTest, end
from tandem_testing.source_service import PARTITIONS, SourceService, source_service

NAME, PACKAGE = "finance-posting", "tandem_finance_posting"
EVENTS = int(os.environ.get("TANDEM_BENCH_EVENTS", "1000000"))
DELIVERED = 20_000
PUBLISHED_TOGETHER = 200
EVALUATIONS = 30_000
WAIT_S = 300.0


def evaluations() -> float:
    """Shipments with a discount, a tax and a cost evaluated a second, on facts in memory."""
    shipped = StoredEvent(
        key="k", type="shipment.confirmed", legal_entity="US01",
        original_date=date(2026, 3, 2), currency_code="USD",
        facts={
            "ship": 795, "channel": "web",
            "lines": [{"list": 14448, "discount": 1200, "funded": 500, "sku": "A"}],
            "taxes": [{"amount": 1159, "jurisdiction": "US-CA"}],
            "costs": [{"cost": 5508, "sku": "A", "currency": "USD"}],
        },
    )  # fmt: skip
    shipped_rules = default_rules()
    began = time.monotonic()
    for _ in range(EVALUATIONS):
        ruled_lines(shipped_rules, shipped)
    return EVALUATIONS / (time.monotonic() - began)


async def deliver(orders: SourceService) -> None:
    """Captures into the stream, each of its own order."""
    noon = Timestamp(seconds=int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()))
    for start in range(0, DELIVERED, PUBLISHED_TOGETHER):
        events = []
        for number in range(start, start + PUBLISHED_TOGETHER):
            message = PaymentCaptured(
                order_id=f"o{number}", amount=Money(currency_code="USD", minor_units=500),
                provider_ref=f"c{number}", capture_time=noon, channel="web",
            )  # fmt: skip
            events.append(
                event_from(
                    message, aggregate_type="order", aggregate_id=f"o{number}",
                    aggregate_version=1, occurred_at=datetime.now(UTC), tenant=TENANT,
                )
            )  # fmt: skip
        async with orders.units() as uow:
            for event in events:
                uow.record(event)
            await uow.commit()
        await orders.bus.publish_batch([_outgoing(event, orders.name) for event in events])


def _outgoing(event: JournalEvent, source: str) -> Outgoing:
    subject = subject_of(event.event_type, partition_of(event.partition_key, PARTITIONS))
    return Outgoing(subject, event.event_id, event.payload, published_headers(event, source))


def plain(url: str) -> str:
    """The address without the driver SQLAlchemy is told."""
    return url.replace("+psycopg", "")


def count(url: str, sql: str) -> int:
    with psycopg.connect(plain(url)) as connection:
        row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


async def reached(url: str, journals: int) -> float:
    """The moment so many journals are there."""

    async def enough() -> bool:
        return count(url, "SELECT count(*) FROM journal") >= journals

    await eventually(enough, True, wait_s=WAIT_S)
    return time.monotonic()


async def journals_from_the_bus(
    service: ServiceUnderTest, url: str, orders: SourceService
) -> float:
    """Journals a second of a service that finds everything waiting in the stream."""
    await deliver(orders)
    process = service.start(PACKAGE)
    try:
        await reached(url, DELIVERED // 10)
        start = count(url, "SELECT count(*) FROM journal")
        began = time.monotonic()
        ended = await reached(url, DELIVERED)
    finally:
        end(process)
    return (DELIVERED - start) / (ended - began)


async def at_scale(service: ServiceUnderTest, url: str) -> list[Figure]:
    """All stored events under the shipped rules."""
    async with service.channel() as channel:
        books, rule_sets = LedgerServiceStub(channel), RuleServiceStub(channel)
        await eventually(lambda: _answers(books), True, wait_s=WAIT_S)
        told, taken = await _simulated(rule_sets)
    read, rate = _read(url), EVENTS / taken
    return [
        Figure("events simulated in a stream", rate, "1/s", "", f"{EVENTS:,}, {told} answers"),
        Figure("events read and parsed alone (baseline)", read, "1/s"),
        Figure("simulated against read", rate / read, "ratio"),
    ]


async def _answers(books: LedgerServiceStub) -> bool:
    try:
        await books.ListJournals(ledger.ListJournalsRequest(page_size=1))
    except RemoteError:
        return False
    return True


def _read(url: str) -> float:
    sample = min(EVENTS, 100_000)
    began = time.monotonic()
    with psycopg.connect(plain(url)) as connection:
        connection.execute("SELECT facts FROM finance_event LIMIT %s", [sample]).fetchall()
    return sample / (time.monotonic() - began)


async def _simulated(rule_sets: RuleServiceStub) -> tuple[int, float]:
    request = rules.SimulateHistoryRequest(
        name="retail-default", version=1, from_date="2025-01-01", to_date="2025-12-31"
    )
    began, told, last = time.monotonic(), 0, rules.SimulateHistoryResponse()
    async for answer in rule_sets.SimulateHistory(request, timeout=900):
        told, last = told + 1, answer
    assert last.done, "the last answer has the sums"
    assert last.evaluated_count == EVENTS, last.evaluated_count
    assert last.refused_count == 0, last.refused_count
    assert sum(b.balance.minor_units for b in last.balances) == 0
    return told, time.monotonic() - began


@asynccontextmanager
async def surroundings(
    postgres: EmbeddedPostgres, nats: EmbeddedNats, folder: Path, name: str
) -> AsyncIterator[tuple[ServiceUnderTest, str, SourceService]]:
    """A service on an empty database, with the two services it listens to."""
    urls = [postgres.ensure_database(f"bench_{name}_{n}") for n in range(3)]
    for url in urls:
        migrations.upgrade(url, PACKAGE)
    service, bus = ServiceUnderTest(NAME, folder), JetStream(nats.url, "bench")
    await bus.start()
    trusted = {NAME: service.public_key}
    async with (
        source_service("order-orchestrator", PaymentCaptured, urls[1], bus, trusted) as orders,
        source_service("connectors", GoodsReceived, urls[2], bus, trusted) as connectors,
    ):
        peers = {source.name: source.port for source in (orders, connectors)}
        service.configure(urls[0], nats.url, peers)
        yield service, urls[0], orders
    await bus.stop()


async def measure(postgres: EmbeddedPostgres, nats: EmbeddedNats, folder: Path) -> list[Figure]:
    figures = [Figure("shipments evaluated", evaluations(), "1/s", "", "8 lines each")]
    async with surroundings(postgres, nats, folder, "bus") as (service, url, orders):
        rate = await journals_from_the_bus(service, url, orders)
        note = f"{DELIVERED:,} captures waiting, {PARTITIONS} partitions"
        figures.append(Figure("journals from events through JetStream", rate, "1/s", "3,000", note))
    scale = folder / "scale"
    scale.mkdir()
    async with surroundings(postgres, nats, scale, "scale") as (service, url, _):
        generate_events(plain(url), EVENTS)
        process = service.start(PACKAGE)
        try:
            figures += await at_scale(service, url)
        finally:
            end(process)
    return figures


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        nats = EmbeddedNats(Path(folder) / "nats")
        postgres.start()
        nats.start()
        try:
            own = Path(folder) / "service"
            own.mkdir()
            figures = uvloop.run(measure(postgres, nats, own))
        finally:
            nats.stop()
            postgres.stop()
    report("finance", figures)


if __name__ == "__main__":
    main()
