"""What can be promised: reads of 1 and 100 SKUs, with holds nobody tidied, and fan-out of watches.

The service runs as its own process on embedded Postgres with fsync on; the client is this process,
on the same cores. Baseline: the health check of the same server through the same client. The stock
is made by SQL; TANDEM_BENCH_POSITIONS says how much, for example 10000000.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import uvloop
from bench_report import Figure, percentile, report
from bench_reserve import IN_FLIGHT, Measured, measure, ready, reserve_request, service
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stock_at_scale import Scale, generate
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem.inventory.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tandem_platform.grpc_client import ServiceChannel
from tandem_testing.embedded_postgres import EmbeddedPostgres
from tandem_testing.grpc_wire import TENANT

POSITIONS = int(os.environ.get("TANDEM_BENCH_POSITIONS", "60400"))
SINGLE_IN_FLIGHT, MANY_IN_FLIGHT, MANY_SKUS = 64, 8, 100
EXPIRED_HOLDS = 100_000
WATCHERS, CHANGES = 100, 30
CHANGE_WAIT_S = 20.0

_HOLDS = """
    INSERT INTO reservation (tenant, id, owner_type, owner_id, channel, state, expires_at, version,
                             lines, created_at)
    SELECT %(tenant)s, gen_random_uuid(), 'cart', n::text, 'web', 'HELD',
           now() - interval '1 minute', 1, jsonb_build_array(jsonb_build_object('line_id', '1',
           'sku', 'SKU-' || lpad((n %% %(skus)s)::text, 8, '0'), 'location', 'L-000',
           'quantity', 1, 'released', 0, 'shipped', 0, 'settled', 0)), now()
    FROM generate_series(1, %(holds)s) AS n
"""
_SOFT = """
    UPDATE stock_position AS p SET soft = h.units FROM (
        SELECT lines->0->>'sku' AS sku, count(*) AS units FROM reservation GROUP BY 1) AS h
    WHERE p.tenant = %(tenant)s AND p.sku = h.sku AND p.location = 'L-000'
"""


async def reads(channel: ServiceChannel, scale: Scale, skus: int, in_flight: int) -> Measured:
    """Rounds over all SKUs, at the two places that ship."""
    stub, numbers = AvailabilityServiceStub(channel), itertools.count()

    async def call() -> None:
        start = next(numbers) * skus
        names = [scale.sku((start + n) % scale.skus) for n in range(min(skus, scale.skus))]
        answer = await stub.GetAvailability(api.GetAvailabilityRequest(skus=names), timeout=30)
        if len(answer.availabilities) != 2 * len(names):
            raise RuntimeError(f"{len(answer.availabilities)} answers for {len(names)} SKUs")

    return await measure(call, in_flight, 1)


async def fan_out(channel: ServiceChannel, scale: Scale) -> list[float]:
    """Times in ms from the answer of a reservation until every watcher knows of it."""
    stub = AvailabilityServiceStub(channel)
    request = api.WatchAvailabilityRequest(skus=[scale.sku(0)], locations=["L-001"])
    calls: list[Any] = [stub.WatchAvailability(request) for _ in range(WATCHERS)]
    streams = [aiter(call) for call in calls]
    (figure, *_) = [(await anext(s)).availabilities[0].available for s in streams]
    taken = []
    for _ in range(CHANGES):
        wanted = reserve_request()
        wanted.lines[0].sku, wanted.lines[0].location = scale.sku(0), "L-001"
        await ReservationServiceStub(channel).Reserve(wanted)
        began, figure = time.monotonic(), figure - 1
        async with asyncio.timeout(CHANGE_WAIT_S):
            await asyncio.gather(*(_until(stream, figure) for stream in streams))
        taken.append((time.monotonic() - began) * 1000)
    for call in calls:
        call.cancel()
    return taken


async def _until(stream: Any, figure: int) -> None:
    async for message in stream:
        if message.availabilities[0].available == figure:
            return


async def measured(folder: Path, url: str, scale: Scale, server: EmbeddedPostgres) -> list[Figure]:
    # The holds must stay as they are: what is measured is a read that meets them.
    os.environ["TANDEM_SWEEP_ROWS_MAX"] = "0"
    with service(folder, url, 256) as channel:
        await ready(channel)
        health = health_pb2_grpc.HealthStub(channel)
        noop = await measure(lambda: health.Check(health_pb2.HealthCheckRequest()), IN_FLIGHT, 1)
        one = await reads(channel, scale, 1, SINGLE_IN_FLIGHT)
        many = await reads(channel, scale, MANY_SKUS, MANY_IN_FLIGHT)
        taken = await fan_out(channel, scale)
        with server.connect(url.rpartition("/")[2]) as connection:
            names = {"tenant": TENANT, "skus": scale.skus, "holds": EXPIRED_HOLDS}
            connection.execute(_HOLDS, names)
            connection.execute(_SOFT, names)
        with server.connect(url.rpartition("/")[2]) as connection:
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE reservation")
        held = await reads(channel, scale, 1, SINGLE_IN_FLIGHT)
        held_many = await reads(channel, scale, MANY_SKUS, MANY_IN_FLIGHT)
        await channel.close()
    return [
        _figure(f"health check, {IN_FLIGHT} in flight", noop),
        _figure(f"GetAvailability, 1 SKU, {SINGLE_IN_FLIGHT} in flight", one),
        _figure(f"GetAvailability, {MANY_SKUS} SKUs, {MANY_IN_FLIGHT} in flight", many),
        _figure(f"1 SKU, {EXPIRED_HOLDS} expired holds about", held),
        _figure(f"{MANY_SKUS} SKUs, {EXPIRED_HOLDS} expired holds about", held_many),
        Figure("1 SKU / no-op rpc", one.per_second / noop.per_second, "x"),
        Figure(
            f"a change known to {WATCHERS} watchers",
            percentile(taken, 0.5),
            "ms",
            note=f"p99 {percentile(taken, 0.99):.0f} ms, {CHANGES} changes",
        ),
    ]


def _figure(name: str, one: Measured) -> Figure:
    note = f"p50 {one.p50_ms:.1f} ms, p99 {one.p99_ms:.1f} ms per call"
    return Figure(name, one.per_second, "/s", note=note)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "postgres", durable=True)
    server.start()
    try:
        url = server.create_database("availability")
        uvloop.run(_migrated(folder, url))
        with server.connect("availability") as connection:
            scale = generate(connection, POSITIONS)
        print(f"{scale.positions} positions of {scale.skus} SKUs in {scale.seconds:.0f} s")
        report("availability", uvloop.run(measured(folder, url, scale, server)))
    finally:
        server.stop()
        server.wipe()


async def _migrated(folder: Path, url: str) -> None:
    """A first start makes the tables."""
    with service(folder, url, 256) as channel:
        await ready(channel)
        await channel.close()


if __name__ == "__main__":
    main()
