"""Events: how fast the relay publishes and how fast finance posts what arrives.

In one process with embedded Postgres and NATS, fsync on. Baseline: rows a second inserted into the
event journal alone, in batches of the same size.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bench_report import Figure, report
from sqlalchemy import text
from tandem.common.v1.money_pb2 import Money
from tandem.order.v1.events_pb2 import PaymentCaptured
from tandem_core.ids import deterministic_id
from tandem_finance_posting.adapters.postgres.posting_transaction import PostgresPostingTransaction
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.rules.rule_files import default_catalogue
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_platform import migrations
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal, event_from
from tandem_platform.jetstream import JetStream
from tandem_platform.relay import Relay
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres

EVENTS = 20_000
JOURNALS = 6_000
BATCH = 250
NOW = datetime(2026, 3, 2, tzinfo=UTC)


async def insert_events(units: UnitOfWorkFactory) -> float:
    """Events a second written to the journal."""
    began = time.monotonic()
    for start in range(0, EVENTS, BATCH):
        async with units() as uow:
            for number in range(start, start + BATCH):
                message = PaymentCaptured(
                    order_id=deterministic_id(str(number)),
                    amount=Money(currency_code="USD", minor_units=100),
                    provider_ref=f"cap_{number}" * 8,
                )
                uow.record(
                    event_from(
                        message, aggregate_type="order", aggregate_id=message.order_id,
                        aggregate_version=1, occurred_at=NOW, tenant="bench",
                    )
                )  # fmt: skip
            await uow.commit()
    return EVENTS / (time.monotonic() - began)


async def relay_events(units: UnitOfWorkFactory, nats_url: str) -> float:
    """Events a second published from the journal."""
    bus = JetStream(nats_url, "bench")
    await bus.start()
    relay = Relay(units.database, units.journal, bus, "bench", "bench-0")
    began = time.monotonic()
    await relay.start()
    left = EVENTS
    while left:
        await asyncio.sleep(0.05)
        async with units.database.transaction() as connection:
            sql = "SELECT count(*) FROM event_journal WHERE published_at IS NULL"
            left = (await connection.execute(text(sql))).scalar_one()
    taken = time.monotonic() - began
    await relay.stop()
    await bus.stop()
    return EVENTS / taken


async def post_journals(units: UnitOfWorkFactory) -> float:
    """Journals a second from payment events, each order its own."""
    rules = RuleStore(default_catalogue())
    events = [
        FinanceEvent(
            tenant="bench", source_system="bench", type="payment.captured", id=str(number),
            legal_entity="US01", original_date=date(2026, 3, 2), currency_code="USD",
            facts={"amount": 100, "channel": "web", "provider_ref": "x"}, order_id=f"o{number}",
        )
        for number in range(JOURNALS)
    ]  # fmt: skip
    began = time.monotonic()
    for start in range(0, JOURNALS, BATCH):
        async with units() as uow:
            transaction = PostgresPostingTransaction(uow, rules)
            await post_finance_events(transaction, events[start : start + BATCH], NOW)
            await uow.commit()
    return JOURNALS / (time.monotonic() - began)


async def measure(postgres: EmbeddedPostgres, nats: EmbeddedNats) -> list[Figure]:
    orders_url = postgres.ensure_database("bench_orders")
    books_url = postgres.ensure_database("bench_books")
    migrations.upgrade(orders_url, "tandem_order_orchestrator")
    migrations.upgrade(books_url, "tandem_finance_posting")
    orders, books = Database(orders_url), Database(books_url)
    order_units = UnitOfWorkFactory(orders, EventJournal("order", 4))
    inserted = await insert_events(order_units)
    relayed = await relay_events(order_units, nats.url)
    posted = await post_journals(UnitOfWorkFactory(books, EventJournal("finance", 4)))
    await orders.close()
    await books.close()
    batches = f"batches of {BATCH}"
    return [
        Figure("events written to the journal (baseline)", inserted, "1/s", "", batches),
        Figure("events relayed to JetStream, sync always", relayed, "1/s", "", "4 partitions"),
        Figure("relayed against written", relayed / inserted, "ratio"),
        Figure("journals posted", posted, "1/s", "3,000", f"{batches}, two lines each"),
        Figure("posted against written", posted / inserted, "ratio"),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        nats = EmbeddedNats(Path(folder) / "nats")
        postgres.start()
        nats.start()
        try:
            figures = asyncio.run(measure(postgres, nats))
        finally:
            nats.stop()
            postgres.stop()
            postgres.wipe()
    report("events", figures)


if __name__ == "__main__":
    main()
