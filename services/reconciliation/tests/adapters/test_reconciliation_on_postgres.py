"""Observations of real events on real Postgres: any order, any repetition, the same exceptions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message
from sqlalchemy import text
from tandem.common.v1.money_pb2 import Money
from tandem.connector.v1 import events_pb2 as connector
from tandem.finance.v1 import events_pb2 as finance
from tandem.finance.v1.journal_pb2 import Journal
from tandem.order.v1 import events_pb2 as order
from tandem.order.v1 import order_pb2
from tandem_core.ids import SequentialIds, deterministic_id
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_reconciliation.adapters.postgres.reconciliation_transaction import (
    PostgresReconciliationTransaction,
)
from tandem_reconciliation.adapters.wire.observation_mapping import SourceEvent, observations_of
from tandem_reconciliation.application import run_checkpoint
from tandem_reconciliation.application.ports import CheckpointRun
from tandem_reconciliation.application.run_checkpoint import RunCheckpoint
from tandem_reconciliation.domain.checkpoint import Materiality, Windows, checkpoint_of, checkpoints
from tandem_reconciliation.domain.errors import PayloadUnreadable, UnsupportedEnum

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=10)
KNOWN = checkpoints(Windows())
IDS = SequentialIds("runs")


@pytest.fixture
async def units(migrated_database: Callable[[str], str]) -> AsyncIterator[UnitOfWorkFactory]:
    database = Database(migrated_database("tandem_reconciliation"), pool_size=12)
    yield UnitOfWorkFactory(database, EventJournal("reconciliation", 4))
    await database.close()


def usd(minor: int) -> Money:
    return Money(currency_code="USD", minor_units=minor)


def delivered(event_id: str, message: Message) -> SourceEvent:
    return SourceEvent(
        deterministic_id(event_id), message.DESCRIPTOR.full_name, "t", NOW,
        message.SerializeToString(),
    )  # fmt: skip


def day_of_one_order() -> list[SourceEvent]:
    """Released and shipped 2, captured, listed by the provider, both events posted."""
    line = order_pb2.FulfilmentLine(line_ref="1", quantity=2)
    released = order.FulfilmentReleased(
        order_id="o1", fulfilments=[order_pb2.Fulfilment(id="f1", location="DC", lines=[line])]
    )
    shipped = order.FulfilmentShipped(
        order_id="o1", shipment_ref="SHP", location="DC",
        lines=[order.ShippedLine(line_ref="1", sku="A", quantity=2)],
    )  # fmt: skip
    captured = order.PaymentCaptured(order_id="o1", amount=usd(500), provider_ref="cap_1")
    listed = connector.ProviderTransactionReported(
        provider_ref="cap_1", action=connector.PAYMENT_ACTION_CAPTURE, amount=usd(500)
    )
    return [
        delivered("released", released),
        delivered("shipped", shipped),
        delivered("captured", captured),
        delivered("listed", listed),
        posted("j1", "shipped"),
        posted("j2", "captured"),
    ]


def posted(journal_id: str, source: str) -> SourceEvent:
    journal = Journal(id=journal_id, event_type="x", purpose="primary")
    message = finance.JournalPosted(journal=journal, source_event_id=deterministic_id(source))
    return delivered(journal_id, message)


async def observe(units: UnitOfWorkFactory, events: Sequence[SourceEvent]) -> None:
    async with units() as uow:
        found = [item for event in events for item in observations_of(event)]
        await PostgresReconciliationTransaction(uow, NOW).observe(found)
        await uow.commit()


async def run(units: UnitOfWorkFactory, checkpoint: str, now: datetime = LATER) -> CheckpointRun:
    async with units() as uow:
        command = RunCheckpoint("t", checkpoint_of(checkpoint, KNOWN), IDS.new_id(), Materiality())
        done = await command.handle(PostgresReconciliationTransaction(uow, now), now)
        await uow.commit()
    return done


async def open_types(units: UnitOfWorkFactory) -> list[tuple[str, str]]:
    sql = "SELECT type, key FROM exception_case WHERE state = 'OPEN' ORDER BY type, key"
    async with units.database.transaction() as connection:
        return [(row[0], row[1]) for row in await connection.execute(text(sql))]


@pytest.mark.parametrize("seed", range(5))
async def test_any_order_and_repetition_of_a_clean_day_leaves_no_exception(
    units: UnitOfWorkFactory, seed: int
) -> None:
    events = day_of_one_order() * 2
    random.Random(seed).shuffle(events)
    for start in range(0, len(events), 3):
        await observe(units, events[start : start + 3])
    runs = [await run(units, name) for name in ("C1", "C3", "C5")]
    assert await open_types(units) == []
    assert [r.population.matched_count for r in runs] == [1, 2, 1]


async def test_a_capture_without_an_order_is_opened_once_and_closes_when_the_order_comes(
    units: UnitOfWorkFactory,
) -> None:
    day = day_of_one_order()
    captured = [e for e in day if e.name == "PaymentCaptured"]
    await observe(units, [e for e in day if e.name == "ProviderTransactionReported"])
    for _ in range(3):
        await run(units, "C5")
    assert await open_types(units) == [("UNKNOWN_IN_SETTLEMENT", "cap_1")]
    await observe(units, captured)
    await run(units, "C5")
    assert await open_types(units) == []
    sql = "SELECT type FROM event_journal ORDER BY agg_version"
    async with units.database.transaction() as connection:
        names = [row[0].rpartition(".")[2] for row in await connection.execute(text(sql))]
    assert names == ["ReconciliationExceptionOpened", "ReconciliationExceptionResolved"]


async def test_a_shipped_event_without_a_journal_is_unposted_after_its_window(
    units: UnitOfWorkFactory,
) -> None:
    await observe(units, [e for e in day_of_one_order() if e.name == "FulfilmentShipped"])
    assert (await run(units, "C3", NOW + timedelta(minutes=1))).waiting_count == 1
    await run(units, "C3", NOW + timedelta(minutes=16))
    assert [kind for kind, _ in await open_types(units)] == ["UNPOSTED"]


async def test_two_journals_for_one_event_are_posted_twice(units: UnitOfWorkFactory) -> None:
    await observe(units, [*day_of_one_order(), posted("j3", "shipped")])
    await run(units, "C3")
    assert [kind for kind, _ in await open_types(units)] == ["POSTED_TWICE"]


async def test_cancelled_goods_need_no_shipment(units: UnitOfWorkFactory) -> None:
    cancelled = order.OrderCancelled(
        order_id="o1", lines=[order_pb2.FulfilmentLine(line_ref="1", quantity=2)]
    )
    day = [e for e in day_of_one_order() if e.name == "FulfilmentReleased"]
    await observe(units, [*day, delivered("cancelled", cancelled)])
    await run(units, "C1")
    assert await open_types(units) == []


async def test_more_shipped_than_released_is_a_break(units: UnitOfWorkFactory) -> None:
    await observe(units, [e for e in day_of_one_order() if e.name == "FulfilmentShipped"])
    await run(units, "C1")
    assert await open_types(units) == [("OVERSHIPPED", "o1/1")]


async def test_a_flood_resolves_nothing_it_did_not_look_at(
    units: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await observe(units, [posted(f"j{n}", f"nobody-{n}") for n in range(3)])
    await run(units, "C3")
    before = await open_types(units)
    monkeypatch.setattr(run_checkpoint, "UNBALANCED_GROUPS_MAX", 2)
    await run(units, "C3")
    assert await open_types(units) == before
    assert len(before) == 3


async def test_concurrent_runs_open_an_exception_once(units: UnitOfWorkFactory) -> None:
    await observe(units, [e for e in day_of_one_order() if e.name == "ProviderTransactionReported"])
    await asyncio.gather(*(run(units, "C5") for _ in range(8)))
    async with units.database.transaction() as connection:
        count = (await connection.execute(text("SELECT count(*) FROM event_journal"))).scalar_one()
    assert count == 1


def test_an_action_newer_than_this_service_is_refused_not_guessed() -> None:
    message = connector.ProviderTransactionReported(provider_ref="x", amount=usd(1))
    message.action = 17  # type: ignore[assignment]  # what a newer writer would send
    with pytest.raises(UnsupportedEnum):
        observations_of(delivered("x", message))


def test_an_unreadable_payload_is_refused_by_name() -> None:
    event = SourceEvent("x", "tandem.order.v1.PaymentCaptured", "t", NOW, b"\xff\xff")
    with pytest.raises(PayloadUnreadable):
        observations_of(event)
