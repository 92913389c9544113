"""Signals: single, in bulk, and whole snapshots of stores while others reserve.

The service runs as its own process on embedded Postgres with fsync on; the client is this process,
on the same cores. Baseline: the health check of the same server through the same client.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import uvloop
from bench_report import Figure, percentile, report
from bench_reserve import IN_FLIGHT, Measured, fill, measure, reserve_request, service
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import signal_service_pb2 as api
from tandem.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tandem.inventory.v1.signal_service_pb2_grpc import SignalServiceStub
from tandem_platform.grpc_client import ServiceChannel
from tandem_testing.embedded_postgres import EmbeddedPostgres

SKUS, STORES = 2_000, 10
PER_CALL, CALLS_IN_FLIGHT = 500, 4
SNAPSHOT_ROWS, SNAPSHOT_STORES = 2_000, 5
PART_ROWS = 2_000
LOOK_S, LOOKS_MAX = 0.05, 2_400
# Stores of their own: where other sources moved stock, no row is one that changes nothing.
CHANGED_OF = 20
"""In a snapshot one row in so many says something new."""


def new_id() -> str:
    return str(uuid.uuid4())


def now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC))
    return stamp


async def stock_up(channel: ServiceChannel) -> None:
    """Items and stores besides the hot SKU."""
    stub = CatalogServiceStub(channel)
    skus = [f"SKU-{n:05}" for n in range(SKUS)]
    for start in range(0, SKUS, 500):
        items = [catalog.Item(sku=sku) for sku in skus[start : start + 500]]
        await stub.PutItems(catalog.PutItemsRequest(request_id=new_id(), items=items))
    kind = catalog.Location.KIND_STORE
    stores = [catalog.Location(id=f"S-{n}", kind=kind) for n in range(STORES + SNAPSHOT_STORES)]
    await stub.PutLocations(catalog.PutLocationsRequest(request_id=new_id(), locations=stores))


def deltas(numbers: Sequence[int], source: str) -> api.SubmitSignalsRequest:
    """Movements over all SKUs and stores."""
    stamp = now()
    return api.SubmitSignalsRequest(
        request_id=new_id(),
        signals=[
            api.StockSignal(
                source=source, sequence=n, sku=f"SKU-{n % SKUS:05}",
                location=f"S-{n // SKUS % STORES}", delta=1 + n % 3,
                cause="RECEIPT", effective_time=stamp,
            )
            for n in numbers
        ],
    )  # fmt: skip


async def bulk(channel: ServiceChannel, name: str) -> Measured:
    """Calls of PER_CALL signals, each caller a source of its own that numbers without gaps."""
    stub, callers = SignalServiceStub(channel), itertools.count()
    streams: dict[int, tuple[int, itertools.count[int]]] = {}

    async def call() -> None:
        task = id(asyncio.current_task())
        caller, numbers = streams.setdefault(task, (next(callers), itertools.count(1)))
        told = [next(numbers) for _ in range(PER_CALL)]
        answer = await stub.SubmitSignals(deltas(told, f"{name}/{caller}"), timeout=60)
        if any(r.outcome != api.SignalResult.OUTCOME_APPLIED for r in answer.results):
            raise RuntimeError(f"not applied: {answer.results[0]}")

    return await measure(call, CALLS_IN_FLIGHT, PER_CALL)


async def single(channel: ServiceChannel) -> Measured:
    """One signal a call, IN_FLIGHT callers with a source each."""
    stub, callers = SignalServiceStub(channel), itertools.count()
    streams: dict[int, tuple[int, itertools.count[int]]] = {}

    async def call() -> None:
        task = id(asyncio.current_task())
        caller, numbers = streams.setdefault(task, (next(callers), itertools.count(1)))
        await stub.SubmitSignals(deltas([next(numbers)], f"unary/{caller}"), timeout=60)

    return await measure(call, IN_FLIGHT, 1)


async def snapshot(channel: ServiceChannel, store: int, sequence: int, *, again: bool) -> float:
    """Sends one store's snapshot and waits until it is applied; seconds from its closing on."""
    stub = SignalServiceStub(channel)
    header = api.SnapshotHeader(
        source=f"counts/{store}", sequence=sequence, location=f"S-{STORES + store}",
        scope=api.SNAPSHOT_SCOPE_FULL_LOCATION, declared_rows=SNAPSHOT_ROWS, as_of_time=now(),
    )  # fmt: skip
    opened = await stub.OpenSnapshot(api.OpenSnapshotRequest(request_id=new_id(), header=header))
    for start in range(0, SNAPSHOT_ROWS, PART_ROWS):
        rows = [
            api.SnapshotRow(sku=f"SKU-{n:05}", quantity=50 + (again and n % CHANGED_OF == 0))
            for n in range(start, start + PART_ROWS)
        ]
        await stub.AddSnapshotRows(
            api.AddSnapshotRowsRequest(request_id=new_id(), job_id=opened.job.id, rows=rows)
        )
    began = time.monotonic()
    await stub.CloseSnapshot(
        api.CloseSnapshotRequest(request_id=new_id(), job_id=opened.job.id), timeout=60
    )
    request = api.GetSnapshotJobRequest(job_id=opened.job.id)
    for _ in range(LOOKS_MAX):
        if (await stub.GetSnapshotJob(request)).job.state == api.SnapshotJob.STATE_APPLIED:
            return time.monotonic() - began
        await asyncio.sleep(LOOK_S)
    raise RuntimeError("the snapshot was not applied in time")


async def reserving(channel: ServiceChannel, in_flight: int, until: asyncio.Event) -> list[float]:
    """Times in ms of reservations, until told to stop."""
    stub, taken = ReservationServiceStub(channel), []

    async def worker() -> None:
        while not until.is_set():
            began = time.monotonic()
            await stub.Reserve(reserve_request(), timeout=60)
            taken.append((time.monotonic() - began) * 1000)

    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return taken


async def snapshots(channel: ServiceChannel) -> dict[str, float]:
    """First snapshots, then nearly the same ones, the second time while others reserve."""
    rows = SNAPSHOT_ROWS * SNAPSHOT_STORES
    began = time.monotonic()
    for store in range(SNAPSHOT_STORES):
        await snapshot(channel, store, 1, again=False)
    first = rows / (time.monotonic() - began)
    found = {"first": first}
    for name, with_snapshots in (("quiet", False), ("loaded", True)):
        stop = asyncio.Event()
        load = asyncio.create_task(reserving(channel, 8, stop))
        began = time.monotonic()
        if with_snapshots:
            for store in range(SNAPSHOT_STORES):
                await snapshot(channel, store, 2, again=True)
            found["again"] = rows / (time.monotonic() - began)
        else:
            await asyncio.sleep(4)
        stop.set()
        taken = await load
        found[f"p50 {name}"], found[f"p99 {name}"] = percentile(taken, 0.5), percentile(taken, 0.99)
    return found


async def run(folder: Path, url: str) -> tuple[dict[str, Measured], dict[str, float]]:
    with service(folder, url, 256) as channel:
        await fill(channel, "*")
        await stock_up(channel)
        health = health_pb2_grpc.HealthStub(channel)
        found = {
            "no-op": await measure(
                lambda: health.Check(health_pb2.HealthCheckRequest()), IN_FLIGHT, 1
            ),
            "bulk": await bulk(channel, "bulk"),
            "single": await single(channel),
        }
        whole = await snapshots(channel)
        await channel.close()
    return found, whole


def figures(found: dict[str, Measured], whole: dict[str, float]) -> list[Figure]:
    names = {
        "no-op": (f"health check, {IN_FLIGHT} in flight", ""),
        "bulk": (f"SubmitSignals of {PER_CALL}, {CALLS_IN_FLIGHT} in flight", ">= 10000"),
        "single": (f"SubmitSignals of 1, {IN_FLIGHT} in flight", ""),
    }
    made = [
        Figure(what, found[key].per_second, "signals/s" if key != "no-op" else "/s", goal,
               f"p50 {found[key].p50_ms:.1f} ms, p99 {found[key].p99_ms:.1f} ms per call")
        for key, (what, goal) in names.items()
    ]  # fmt: skip
    size = f"{SNAPSHOT_STORES} stores x {SNAPSHOT_ROWS} SKUs"
    quiet, loaded = whole["p99 quiet"], whole["p99 loaded"]
    return [
        *made,
        Figure(f"first snapshots, {size}", whole["first"], "rows/s"),
        Figure(f"next snapshots, 1 row in {CHANGED_OF} new, while reserving", whole["again"],
               "rows/s"),
        Figure("Reserve p99 without snapshots, 8 in flight", quiet, "ms"),
        Figure("Reserve p99 during snapshots, 8 in flight", loaded, "ms"),
        Figure("Reserve p99 during snapshots / without", loaded / quiet, "x", "<= 2"),
    ]  # fmt: skip


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "postgres", durable=True)
    server.start()
    try:
        report("signals", figures(*uvloop.run(run(folder, server.create_database("signals")))))
    finally:
        server.stop()
        server.wipe()


if __name__ == "__main__":
    main()
