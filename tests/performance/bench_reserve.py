"""Reserve on one hot SKU against a no-op rpc, a transaction per request, and bare SQL.

The service runs as its own process on embedded Postgres with fsync on; the client is this process.
Baseline: the same rpc on the same stack with a servicer that does nothing; beside it the health
check, which passes none of the steps (token, validation, telemetry, audit). Bare SQL is
what a service without batching would do in its best case: conditional update of the one hot row,
insert of reservation and event, commit, by 64 clients of pgbench, with no rpc at all.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import uvloop
from bench_report import Figure, percentile, report
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem.inventory.v1 import source_service_pb2 as sources
from tandem.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tandem.inventory.v1.signal_service_pb2_grpc import SignalServiceStub
from tandem.inventory.v1.source_service_pb2_grpc import SourceServiceStub
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.internal_token import TokenSigner, generate_key_pair
from tandem_platform.remote_error import RemoteError
from tandem_platform.settings import ServiceSettings
from tandem_testing.child_process import free_port
from tandem_testing.embedded_postgres import EmbeddedPostgres
from tandem_testing.eventually import eventually
from tandem_testing.grpc_wire import caller
from tandem_testing.unprivileged_home import home_for

NAME, CLIENT = "inventory-availability", "bench"
IN_FLIGHT = 256
BATCH_IN_FLIGHT, PER_BATCH = 8, 50
SECONDS = 4.0
WARM_UP_S = 1.0
SQL_CLIENTS = 64
START_WAIT_S = 60.0
SINGLE_DEADLINE_S = 60.0
"""The whole queue waits for one transaction after the other."""

_TABLES = """
CREATE TABLE hot (sku text PRIMARY KEY, on_hand bigint, hard bigint) WITH (fillfactor = 50);
INSERT INTO hot VALUES ('HOT', 1000000000, 0);
CREATE TABLE hold (id uuid PRIMARY KEY, sku text, quantity bigint, at timestamptz);
CREATE TABLE told (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bytea);
"""
_ROW_BY_ROW = """
BEGIN;
UPDATE hot SET hard = hard + 1 WHERE sku = 'HOT' AND on_hand - hard >= 1;
INSERT INTO hold VALUES (gen_random_uuid(), 'HOT', 1, now());
INSERT INTO told (payload) VALUES (decode(repeat('ab', 300), 'hex'));
COMMIT;
"""

_IDENTITY = caller()


@dataclass(frozen=True)
class Measured:
    """Units a second, and the latency of the calls in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float


@contextmanager
def service(
    folder: Path,
    database_url: str,
    batch_max: int,
    program: Sequence[str] = ("-m", "tandem_inventory_availability"),
) -> Iterator[ServiceChannel]:
    """The service as a process, and a channel to it."""
    private, public = generate_key_pair()
    trusted = folder / f"trusted-{batch_max}.json"
    trusted.write_text(json.dumps({CLIENT: public}))
    port = free_port()
    environment = {
        **os.environ,
        "TANDEM_DATABASE_URL": database_url,
        # Nothing listens there: publishing is measured by bench_events.
        "TANDEM_NATS_URL": f"nats://127.0.0.1:{free_port()}",
        "TANDEM_PEERS": json.dumps({"connectors": f"127.0.0.1:{free_port()}"}),
        "TANDEM_GRPC_PORT": str(port),
        "TANDEM_REPLICA": "bench-0",
        "TANDEM_TRUSTED_KEYS_FILE": str(trusted),
        "TANDEM_GROUP_COMMIT_BATCH_MAX": str(batch_max),
        "TANDEM_DRAIN_WAIT_MS": "0",
    }
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *program],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield ServiceChannel(
            ServiceSettings(service_name=CLIENT, peers={NAME: f"127.0.0.1:{port}"}),
            NAME,
            identity=lambda: _IDENTITY,
            signer=TokenSigner(CLIENT, private),
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_WAIT_S)


async def ready(channel: ServiceChannel) -> None:
    """Waits until the service answers, and knows the hot SKU."""
    items = catalog.PutItemsRequest(request_id=str(uuid.uuid4()), items=[catalog.Item(sku="HOT")])
    give_up_at = time.monotonic() + START_WAIT_S
    while True:
        try:
            await CatalogServiceStub(channel).PutItems(items, timeout=2)
            break
        except RemoteError:
            if time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.1)


async def fill(channel: ServiceChannel, source_id: str = "bench") -> None:
    """Waits for the service, then puts one SKU with more stock than will be asked for."""
    await ready(channel)
    kind = catalog.Location.KIND_DISTRIBUTION_CENTRE
    place = catalog.Location(id="DC", kind=kind, ships=True)
    await CatalogServiceStub(channel).PutLocations(
        catalog.PutLocationsRequest(request_id=str(uuid.uuid4()), locations=[place])
    )
    source = sources.StockSource(
        id=source_id,
        sequencing=sources.StockSource.SEQUENCING_SEQ,
        owns=[sources.Ownership(location="*")],
    )
    await SourceServiceStub(channel).PutSources(
        sources.PutSourcesRequest(request_id=str(uuid.uuid4()), sources=[source])
    )
    now = Timestamp()
    now.FromDatetime(datetime.now(UTC))
    stock = signals.StockSignal(
        source="bench", sequence=1, sku="HOT", location="DC", snapshot=10**12, effective_time=now
    )
    await SignalServiceStub(channel).SubmitSignals(
        signals.SubmitSignalsRequest(request_id=str(uuid.uuid4()), signals=[stock])
    )


def reserve_request() -> api.ReserveRequest:
    return api.ReserveRequest(
        request_id=str(uuid.uuid4()),
        owner=wire.ReservationOwner(type="order", id=str(uuid.uuid4())),
        channel="web",
        reservation_class=wire.RESERVATION_CLASS_HARD,
        lines=[api.ReserveLine(line_id="1", sku="HOT", location="DC", quantity=1)],
    )


async def measure(call: Callable[[], Awaitable[object]], in_flight: int, units: int) -> Measured:
    """Calls again and again with so many in flight; answers of the first second do not count."""
    begin = time.monotonic() + WARM_UP_S
    end = begin + SECONDS
    taken_ms: list[float] = []

    async def worker() -> None:
        while (started := time.monotonic()) < end:
            await call()
            done = time.monotonic()
            if begin <= done <= end:
                taken_ms.append((done - started) * 1000)

    await asyncio.gather(*(worker() for _ in range(in_flight)))
    per_second = len(taken_ms) * units / SECONDS
    return Measured(per_second, percentile(taken_ms, 0.5), percentile(taken_ms, 0.99))


async def batched(channel: ServiceChannel) -> Measured:
    stub = ReservationServiceStub(channel)

    async def call() -> None:
        requests = [reserve_request() for _ in range(PER_BATCH)]
        answer = await stub.BatchReserve(api.BatchReserveRequest(requests=requests))
        if any(result.reason for result in answer.results):
            raise RuntimeError(f"refused: {answer.results[0].reason}")

    return await measure(call, BATCH_IN_FLIGHT, PER_BATCH)


async def nothing_done(folder: Path) -> Measured:
    """The same rpc behind the same steps, with a servicer that answers at once."""
    with service(folder, "", 1, (str(Path(__file__).with_name("no_op_service.py")),)) as channel:
        stub = ReservationServiceStub(channel)
        await eventually(lambda: _answers(stub), expected=True, wait_s=START_WAIT_S)
        found = await measure(lambda: stub.Reserve(reserve_request()), IN_FLIGHT, 1)
        await channel.close()
    return found


async def _answers(stub: ReservationServiceStub) -> bool:
    try:
        await stub.Reserve(reserve_request(), timeout=2)
    except RemoteError:
        return False
    return True


async def grouped(folder: Path, url: str) -> dict[str, Measured]:
    """Health check, unary and batch on the service as it ships."""
    with service(folder, url, 256) as channel:
        await fill(channel)
        health = health_pb2_grpc.HealthStub(channel)
        reservations = ReservationServiceStub(channel)
        found = {
            "health": await measure(
                lambda: health.Check(health_pb2.HealthCheckRequest()), IN_FLIGHT, 1
            ),
            "unary": await measure(lambda: reservations.Reserve(reserve_request()), IN_FLIGHT, 1),
            "batch": await batched(channel),
        }
        await channel.close()
    return found


async def one_by_one(folder: Path, url: str) -> Measured:
    """The same service with one transaction per request."""
    with service(folder, url, 1) as channel:
        await fill(channel)
        stub = ReservationServiceStub(channel)
        found = await measure(
            lambda: stub.Reserve(reserve_request(), timeout=SINGLE_DEADLINE_S), IN_FLIGHT, 1
        )
        await channel.close()
    return found


def row_by_row(server: EmbeddedPostgres, folder: Path, url: str) -> Measured:
    """pgbench: 64 clients, one hot row, a transaction each."""
    database = url.rpartition("/")[2]
    with server.connect(database) as connection:
        connection.execute(_TABLES)
    script = folder / "row.sql"
    script.write_text(_ROW_BY_ROW)
    script.chmod(0o644)
    program = home_for(server.data_dir).installation / "bin" / "pgbench"
    plain = url.replace("postgresql+psycopg", "postgresql")
    done = subprocess.run(
        [str(program), "-n", "-f", str(script), "-c", str(SQL_CLIENTS), "-j", "2",
         "-T", str(int(SECONDS) + 1), "-M", "prepared",
         "--log", f"--log-prefix={folder}/pg", plain],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rate = float(re.search(r"tps = ([\d.]+)", done.stdout).group(1))  # type: ignore[union-attr]  # always printed
    taken_ms = [
        int(line.split()[2]) / 1000
        for log in folder.glob("pg.*")
        for line in log.read_text().splitlines()
    ]
    return Measured(rate, percentile(taken_ms, 0.5), percentile(taken_ms, 0.99))


def figures(found: dict[str, Measured]) -> list[Figure]:
    noop = found["no-op"].per_second
    names = {
        "no-op": f"Reserve that does nothing, same steps, {IN_FLIGHT} in flight",
        "health": f"health check, no steps, {IN_FLIGHT} in flight",
        "unary": f"Reserve, one hot SKU, {IN_FLIGHT} in flight",
        "batch": f"BatchReserve of {PER_BATCH}, {BATCH_IN_FLIGHT} in flight",
        "single": f"Reserve, a transaction each, {IN_FLIGHT} in flight",
        "sql": f"bare SQL row by row, {SQL_CLIENTS} clients, no rpc",
    }
    made = []
    for key, name in names.items():
        one = found[key]
        note = f"p50 {one.p50_ms:.1f} ms, p99 {one.p99_ms:.1f} ms per call"
        ratio = "" if key == "no-op" else f"{one.per_second / noop:.0%} of no-op; "
        made.append(Figure(name, one.per_second, "/s", note=ratio + note))
    unary, batch = found["unary"].per_second, found["batch"].per_second
    single, sql = found["single"].per_second, found["sql"].per_second
    made += [
        Figure("Reserve / no-op rpc on the same stack", unary / noop, "x", ">= 0.6"),
        Figure("Reserve / health check", unary / found["health"].per_second, "x"),
        Figure("Reserve / transaction each", unary / single, "x"),
        Figure("Reserve / bare SQL", unary / sql, "x", ">= 3"),
        Figure("BatchReserve / bare SQL", batch / sql, "x", ">= 20"),
    ]
    return made


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "postgres", durable=True)
    server.start()
    try:
        found = uvloop.run(grouped(folder, server.create_database("grouped")))
        found["no-op"] = uvloop.run(nothing_done(folder))
        found["single"] = uvloop.run(one_by_one(folder, server.create_database("single")))
        found["sql"] = row_by_row(server, folder, server.create_database("bare"))
        report("reserve", figures(found))
    finally:
        server.stop()
        server.wipe()


if __name__ == "__main__":
    main()
