"""The whole suite: start-up, memory, idle CPU, and orders through REST from submit to reserved.

Baseline of the order rate is a read through the same REST door in the same run, so the ratio tells
what the order itself costs.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parent))

from bench_report import Figure, percentile, report
from tandem_local.layout import SERVICES
from tandem_local.suite import PROVIDER
from tandem_local.suite_under_test import SuiteRun, running_suite

CLIENTS = 64
SECONDS = 10.0
IDLE_SECONDS = 8.0
SKUS = 200
STOCK = 1_000_000


def processes(run: SuiteRun) -> list[psutil.Process]:
    pids = [run.suite.pid(name) for name in (PROVIDER, *SERVICES)]
    assert run.suite.postgres is not None
    assert run.suite.nats is not None
    roots = [psutil.Process(pid) for pid in (*pids, run.suite.postgres.pid, run.suite.nats.pid)]
    return [p for root in roots for p in (root, *root.children(recursive=True))]


def memory_mib(run: SuiteRun) -> float:
    """Proportional set size: shared pages count once."""
    return sum(p.memory_full_info().pss for p in processes(run)) / 2**20


def idle_cpu(run: SuiteRun) -> float:
    """Per cent of one core over a quiet while."""
    time.sleep(3)
    before = {p.pid: p.cpu_times() for p in processes(run)}
    time.sleep(IDLE_SECONDS)
    used = 0.0
    for p in processes(run):
        if p.pid in before:
            now, then = p.cpu_times(), before[p.pid]
            used += now.user + now.system - then.user - then.system
    return used / IDLE_SECONDS * 100


def stock_up(run: SuiteRun) -> None:
    skus = [f"SKU-{n}" for n in range(SKUS)]
    run.rest.post("/v1/items:put", {"items": [{"sku": sku} for sku in skus]})
    kind = "KIND_DISTRIBUTION_CENTRE"
    location = {"id": "DC-1", "kind": kind, "priority": 1, "ships": True}
    run.rest.post("/v1/locations:put", {"locations": [location]})
    owned = [{"location": "*"}]
    source = {"id": "bench", "sequencing": "SEQUENCING_SEQ", "owns": owned}
    run.rest.post("/v1/stock-sources:put", {"sources": [source]})
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    signals = [
        {"source": "bench", "sequence": str(n + 1), "sku": sku, "location": "DC-1",
         "snapshot": str(STOCK), "cause": "SNAPSHOT", "effectiveTime": now}
        for n, sku in enumerate(skus)
    ]  # fmt: skip
    run.rest.post("/v1/stock-signals", {"signals": signals})


def order(number: int) -> dict[str, Any]:
    amount = {"currencyCode": "USD", "minorUnits": "2500"}
    line = {"lineRef": "1", "sku": f"SKU-{number % SKUS}", "quantity": "1", "listAmount": amount}
    draft = {
        "externalRef": {"system": "bench", "type": "order", "id": f"B-{number}"},
        "channel": "web",
        "currencyCode": "USD",
        "placeTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "lines": [line],
        "paymentMethod": "card",
    }
    return {"order": draft, "waitMs": 5000}


async def rate(run: SuiteRun, *, reads: bool) -> tuple[float, list[float], int]:
    """Calls a second, their times in ms, and how many orders were not reserved in time."""
    times: list[float] = []
    unreserved = 0
    stop_at = time.monotonic() + SECONDS
    headers = {"Authorization": f"Bearer {run.suite.api_key}"}

    async def client(place: int) -> None:
        nonlocal unreserved
        async with httpx.AsyncClient(base_url=run.suite.rest, headers=headers, timeout=30) as http:
            number = place
            while time.monotonic() < stop_at:
                began = time.monotonic()
                if reads:
                    answer = await http.get("/v1/availability", params={"skus": "SKU-1"})
                else:
                    key = {"Idempotency-Key": str(uuid.uuid4())}
                    answer = await http.post("/v1/orders", json=order(number), headers=key)
                    states = ("STATE_ACCEPTED", "STATE_REJECTED")
                    unreserved += answer.json()["order"]["state"] in states
                answer.raise_for_status()
                times.append((time.monotonic() - began) * 1000)
                number += CLIENTS

    await asyncio.gather(*(client(place) for place in range(CLIENTS)))
    return len(times) / SECONDS, times, unreserved


def journal_lag_ms(run: SuiteRun) -> list[float]:
    """From the capture's event in the order journal to its posting, for every journal so far."""
    assert run.suite.postgres is not None
    with run.suite.postgres.connect("tandem_order_orchestrator") as orders:
        events = dict(
            orders.execute(
                "SELECT event_id::text, recorded_at FROM event_journal"
                " WHERE type = 'tandem.order.v1.PaymentCaptured'"
            ).fetchall()
        )
    with run.suite.postgres.connect("tandem_finance_posting") as books:
        posted = books.execute(
            "SELECT split_part(event_key, ':', 3), posted_at FROM finance_event"
            " WHERE event_type = 'payment.captured' AND posted_at IS NOT NULL"
        ).fetchall()
    return [(at - events[key]).total_seconds() * 1000 for key, at in posted if key in events]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with running_suite(Path(folder) / "suite", durable=True):
            pass  # the first start makes the databases
        began = time.monotonic()
        with running_suite(Path(folder) / "suite", durable=True) as run:
            start = time.monotonic() - began
            memory, idle = memory_mib(run), idle_cpu(run)
            stock_up(run)
            reads, _, _ = asyncio.run(rate(run, reads=True))
            orders, times, unreserved = asyncio.run(rate(run, reads=False))
            time.sleep(15)
            lag = journal_lag_ms(run)
            busy = memory_mib(run)
    report(
        "suite",
        [
            Figure("start of the whole suite, warm", start, "s", "under 10"),
            Figure("memory of all processes", memory, "MiB", "under 1,229", "PSS"),
            Figure("memory after the load", busy, "MiB"),
            Figure("idle CPU of all processes", idle, "% of a core", "under 5"),
            Figure("reads through REST (baseline)", reads, "1/s", "", f"{CLIENTS} clients"),
            Figure("orders through REST, reserved", orders, "1/s", "300", f"{CLIENTS} clients"),
            Figure("orders against reads", orders / reads if reads else 0, "ratio"),
            Figure("order p50", percentile(times, 0.5), "ms"),
            Figure("order p99", percentile(times, 0.99), "ms"),
            Figure("orders not reserved within 5 s", unreserved, "orders", "0"),
            Figure("capture event to journal p50", percentile(lag, 0.5), "ms"),
            Figure("capture event to journal p99", percentile(lag, 0.99), "ms", "under 1,000",
                   f"{len(lag)} journals"),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
