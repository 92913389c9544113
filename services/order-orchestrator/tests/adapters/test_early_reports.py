"""Reports that wait in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from tandem.common.v1.external_ref_pb2 import ExternalRef
from tandem.connector.v1 import events_pb2 as facts
from tandem_core.clock import FixedClock
from tandem_order_orchestrator.adapters.order_writes import OrderWrites
from tandem_order_orchestrator.adapters.postgres import waiting_reports
from tandem_order_orchestrator.application.submit_order import SubmitOrder
from tandem_order_orchestrator.entrypoints.consumer_connector_facts import ConnectorFacts
from tandem_platform.database import Database
from tandem_platform.delivery import Delivery
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory

from .replica import PACKAGE, TENANT, Replica, draft, new_id


@pytest.fixture
async def narrow(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> AsyncIterator[Replica]:
    """A replica with a single connection."""
    database = Database(migrated_database(PACKAGE), pool_size=1)
    units = UnitOfWorkFactory(database, EventJournal("order", 2))
    yield Replica(database, OrderWrites(units, clock), units)
    await database.close()


def shipment(name: str) -> Delivery:
    fact = facts.ShipmentReported(shipment_ref=f"s-{name}", order_ref=name, location="DC-1")
    return delivered(fact, "external_shipment")


def delivered(fact: facts.ShipmentReported | facts.RefundReported, kind: str) -> Delivery:
    return Delivery(
        event_id=new_id(),
        event_type=fact.DESCRIPTOR.full_name,
        aggregate_type=kind,
        aggregate_id="x",
        aggregate_version=1,
        occurred_at=datetime.now(UTC),
        tenant=TENANT,
        source="connectors",
        payload=fact.SerializeToString(),
        headers={},
    )


async def apply(replica: Replica, *deliveries: Delivery) -> ConnectorFacts:
    taken = ConnectorFacts(replica.writes, replica.units, waiting_rows_max=100)
    async with asyncio.timeout(5), replica.units() as uow:
        await taken.apply(uow, deliveries)
        await uow.commit()
    return taken


async def test_a_consumer_needs_no_second_connection(narrow: Replica) -> None:
    await apply(narrow, shipment("nobody"))
    assert len(await narrow.rows("SELECT 1 FROM waiting_report")) == 1


async def test_a_report_that_waits_twice_is_kept_once(narrow: Replica) -> None:
    early = shipment("nobody")
    await apply(narrow, early)
    await apply(narrow, early, shipment("other"))
    assert len(await narrow.rows("SELECT 1 FROM waiting_report")) == 2


async def test_a_report_waits_for_ever_without_an_overflow_and_never_longer_than_the_limit(
    narrow: Replica,
) -> None:
    taken = await apply(narrow, shipment("nobody"))
    await narrow.rows("UPDATE waiting_report SET attempts = 5000 RETURNING 1")
    await taken.retry_waiting()
    [(attempts, seconds)] = await narrow.rows(
        "SELECT attempts, extract(epoch FROM next_at - now()) FROM waiting_report"
    )
    assert attempts == 5001
    assert 0 < seconds <= waiting_reports.RETRY_SECONDS_MAX


async def test_a_refund_waits_for_the_very_order_it_names(narrow: Replica) -> None:
    # The same id at another system is another order, and known here.
    async with narrow.units() as uow:
        await narrow.writes.apply(uow, [SubmitOrder(TENANT, draft("1")).step()])
        await uow.commit()
    refund = facts.RefundReported(
        order_ref=ExternalRef(system="other-shop", type="order", id="1"),
        refund_ref=ExternalRef(system="other-shop", type="refund", id="1"),
    )
    await apply(narrow, delivered(refund, "external_order"))
    assert [row[0] for row in await narrow.rows("SELECT reason FROM waiting_report")] == [
        "ORDER_UNKNOWN"
    ]
