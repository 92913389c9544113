"""The service as its own process with Postgres and NATS.

Goal: feeds of connectors arrive from the bus in any order, a crash between decision and commit
leaves nothing, and a repeated request after it is done once. Left out: other services, which the
flows of the whole suite cover.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from sqlalchemy import text
from tandem.connector.v1 import events_pb2
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem.inventory.v1 import source_service_pb2 as sources
from tandem.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tandem.inventory.v1.signal_service_pb2_grpc import SignalServiceStub
from tandem.inventory.v1.source_service_pb2_grpc import SourceServiceStub
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
from tandem_testing.grpc_wire import CLIENT, TENANT, caller

from ..component.stock_under_test import CAP, DC, TEE, at, line, new_id, owner, reserve_request

NAME, PARTITIONS, WAIT_S = "inventory-availability", 4, 30.0
_COMES_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class InventoryProcess:
    """`python -m tandem_inventory_availability`, started again and again on the same data."""

    def __init__(self, folder: Path, database_url: str, nats_url: str) -> None:
        self._folder = folder
        self.port = free_port()
        self.private, public = generate_key_pair()
        own_private, own_public = generate_key_pair()
        (folder / "own.pem").write_bytes(own_private)
        trusted = {CLIENT: public, NAME: own_public}
        (folder / "trusted.json").write_text(json.dumps(trusted))
        self._environment = {
            "TANDEM_DATABASE_URL": database_url,
            "TANDEM_NATS_URL": nats_url,
            "TANDEM_GRPC_PORT": str(self.port),
            "TANDEM_REPLICA": "inventory-0",
            "TANDEM_PARTITIONS": str(PARTITIONS),
            "TANDEM_PEERS": json.dumps({"connectors": f"127.0.0.1:{free_port()}"}),
            "TANDEM_SIGNING_KEY_FILE": str(folder / "own.pem"),
            "TANDEM_TRUSTED_KEYS_FILE": str(folder / "trusted.json"),
            "TANDEM_DRAIN_WAIT_MS": "0",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, fault: str = "") -> None:
        environment = {**os.environ, **self._environment, "TANDEM_FAULT_POINTS": fault}
        with (self._folder / "inventory.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tandem_inventory_availability"],
                env=environment,
                stdout=log,
                stderr=log,
            )

    def terminate(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(WAIT_S)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(WAIT_S)

    def died(self) -> bool:
        return self._process is not None and self._process.poll() is not None


@dataclass
class Suite:
    """The process and doors to it."""

    process: InventoryProcess
    reservations: ReservationServiceStub
    catalog: CatalogServiceStub
    sources: SourceServiceStub
    signals: SignalServiceStub
    bus: JetStream
    database: Database

    async def catalogue(self) -> None:
        """Waits until the process answers."""
        items = catalog.PutItemsRequest(
            request_id=new_id(), items=[catalog.Item(sku=sku) for sku in (TEE, CAP)]
        )
        kind = catalog.Location.KIND_DISTRIBUTION_CENTRE
        places = catalog.PutLocationsRequest(
            request_id=new_id(), locations=[catalog.Location(id=DC, kind=kind, ships=True)]
        )

        counts = sources.PutSourcesRequest(request_id=new_id(), sources=[owner("wms/*")])

        async def taken() -> bool:
            try:
                await self.catalog.PutItems(items, timeout=2)
                await self.catalog.PutLocations(places, timeout=2)
                await self.sources.PutSources(counts, timeout=2)
            except RemoteError as error:
                if error.code not in _COMES_AGAIN:
                    raise
                return False
            return True

        await eventually(taken)

    async def tell(self, event: Message, version: int) -> None:
        """Publishes an event of the feed `wms|main`."""

        async def connected() -> bool:
            return self.bus.connected

        await eventually(connected)
        await self.bus.ensure_stream("EVT_CONNECTOR")
        recorded = event_from(
            event,
            aggregate_type="stock_feed",
            aggregate_id="wms|main",
            aggregate_version=version,
            occurred_at=datetime.now(UTC),
            tenant=TENANT,
        )
        subject = subject_of(recorded.event_type, partition_of(recorded.partition_key, PARTITIONS))
        headers = published_headers(recorded, "connectors")
        outgoing = Outgoing(subject, recorded.event_id, recorded.payload, headers)
        await self.bus.publish_batch([outgoing])

    async def value(self, sql: str) -> object:
        async with self.database.transaction() as connection:
            return (await connection.execute(text(sql))).scalar()

    async def becomes(self, sql: str, value: object) -> None:
        async def so() -> bool:
            return await self.value(sql) == value

        await eventually(so)


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Waits for a condition with a deadline."""
    deadline = time.monotonic() + WAIT_S
    while not await check():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.05)


@pytest.fixture
async def suite(
    tmp_path: Path, migrated_database: Callable[[str], str], nats_url: str
) -> AsyncIterator[Suite]:
    url = migrated_database("tandem_inventory_availability")
    process = InventoryProcess(tmp_path, url, nats_url)
    channel = ServiceChannel(
        ServiceSettings(service_name=CLIENT, peers={NAME: f"127.0.0.1:{process.port}"}),
        NAME,
        identity=caller,
        signer=TokenSigner(CLIENT, process.private),
    )
    bus, database = JetStream(nats_url, "test"), Database(url)
    await bus.start()
    try:
        reservations, items = ReservationServiceStub(channel), CatalogServiceStub(channel)
        sources_stub = SourceServiceStub(channel)
        stubs = (reservations, items, sources_stub, SignalServiceStub(channel))
        yield Suite(process, *stubs, bus, database)
    finally:
        process.kill()
        await bus.stop()
        await channel.close()
        await database.close()


def movement(sequence: int, delta: int, sku: str = TEE) -> events_pb2.StockMovementReported:
    return events_pb2.StockMovementReported(
        provenance=events_pb2.Provenance(connection_id="wms"),
        sequence=sequence,
        move_time=at(datetime.now(UTC)),
        sku=sku,
        location=DC,
        delta=delta,
        cause=events_pb2.StockMovementReported.CAUSE_RECEIPT,
    )


def snapshot(sequence: int, quantity: int) -> events_pb2.StockSnapshotReported:
    return events_pb2.StockSnapshotReported(
        provenance=events_pb2.Provenance(connection_id="wms"),
        sequence=sequence,
        as_of_time=at(datetime.now(UTC)),
        snapshot_id="S",
        chunk=1,
        chunks=1,
        lines=[events_pb2.StockSnapshotLine(sku=TEE, location=DC, quantity=quantity)],
    )


RESERVES_DONE = "SELECT count(*) FROM idempotency_record WHERE method LIKE '%Reserve'"
ON_HAND = f"SELECT on_hand FROM stock_position WHERE sku = '{TEE}'"


async def test_a_crash_between_decision_and_commit_leaves_nothing_and_a_repeat_is_done_once(
    suite: Suite,
) -> None:
    suite.process.start("inventory.after_decide:kill")
    await suite.catalogue()
    await suite.tell(snapshot(1, 10), 1)
    await suite.becomes(ON_HAND, 10)
    request = reserve_request(line(TEE, 4))
    with pytest.raises(RemoteError):
        await suite.reservations.Reserve(request, timeout=5)

    async def died() -> bool:
        return suite.process.died()

    await eventually(died)
    assert await suite.value("SELECT hard FROM stock_position") == 0
    assert await suite.value("SELECT count(*) FROM reservation") == 0
    assert (
        await suite.value("SELECT count(*) FROM idempotency_record WHERE method LIKE '%Reserve'")
        == 0
    )
    suite.process.start()
    await suite.catalogue()
    first = await suite.reservations.Reserve(request)
    again = await suite.reservations.Reserve(request)
    assert first.reservation.id == again.reservation.id
    assert await suite.value("SELECT hard FROM stock_position") == 4
    # What it told is on the stream: the relay has marked every event of the reservation.
    await suite.becomes("SELECT count(*) FROM event_journal WHERE published_at IS NULL", 0)
    assert suite.process.terminate() == 0


async def test_feed_events_arrive_by_the_bus_and_a_bad_one_is_parked_by_its_field(
    suite: Suite,
) -> None:
    suite.process.start()
    await suite.catalogue()
    await suite.tell(snapshot(1, 10), 1)
    await suite.tell(movement(3, -2), 2)
    await suite.tell(movement(2, 5), 3)
    await suite.tell(movement(2, 5), 3)
    await suite.becomes(ON_HAND, 13)
    await suite.tell(movement(4, 1, "NOPE"), 4)
    await suite.becomes("SELECT count(*) FROM dead_letter", 1)
    letter = await suite.value("SELECT row_to_json(d)::text FROM dead_letter AS d")
    assert "SKU_UNKNOWN" in str(letter)
    assert "NOPE" in str(letter)


async def test_a_crash_in_the_middle_of_a_snapshot_is_gone_after_the_next_start(
    suite: Suite,
) -> None:
    suite.process.start("inventory.snapshot_chunk:kill:2")
    await suite.catalogue()
    await suite.tell(snapshot(1, 10), 1)
    await suite.becomes(ON_HAND, 10)
    rows = [signals.SnapshotRow(sku=TEE, quantity=4), signals.SnapshotRow(sku=CAP, quantity=7)]
    header = signals.SnapshotHeader(
        source="wms/main",
        sequence=2,
        scope=signals.SNAPSHOT_SCOPE_FULL_LOCATION,
        location=DC,
        declared_rows=len(rows),
        as_of_time=at(datetime.now(UTC)),
    )
    stub = suite.signals
    opened = await stub.OpenSnapshot(
        signals.OpenSnapshotRequest(request_id=new_id(), header=header)
    )
    job_id = opened.job.id
    await stub.AddSnapshotRows(
        signals.AddSnapshotRowsRequest(request_id=new_id(), job_id=job_id, rows=rows)
    )
    await stub.CloseSnapshot(signals.CloseSnapshotRequest(request_id=new_id(), job_id=job_id))

    async def died() -> bool:
        return suite.process.died()

    await eventually(died)
    assert await suite.value("SELECT state FROM snapshot_job") == "ACCEPTED"
    suite.process.start()
    await suite.becomes("SELECT state FROM snapshot_job", "APPLIED")
    assert await suite.value(ON_HAND) == 4
    assert await suite.value("SELECT sum(on_hand) FROM stock_position") == 11
    assert await suite.value("SELECT count(*) FROM ledger_entry") == 3
    assert suite.process.terminate() == 0
