"""The same trading day while processes are killed: nothing lost, nothing doubled, books at zero.

Goal: prove that kill -9 of any service, of NATS (also with its store deleted) and a restart of
Postgres in the middle of the day change nothing in its outcome. Method: one suite as processes, a
day per fault, real kills at moments spread over the day, then the figures of so many quiet days.
Left out: power failure of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from tandem_local.layout import SERVICES
from tandem_local.report import all_pages
from tandem_local.suite_under_test import SuiteRun, running_suite

pytestmark = [pytest.mark.suite, pytest.mark.timeout(400)]

QUIET_DAY = {
    "payment.captured": 1,
    "shipment.confirmed": 1,
    "deposit.applied": 1,
    "refund.approved": 1,
    "refund.settled": 1,
    "pos.sale": 1,
    "po.received": 1,
}
QUIET_STOCK = {
    ("TEE-BLUE-M", "DC-1"): 39,
    ("CAP-RED", "DC-1"): 24,
    ("MUG-1", "DC-1"): 15,
    ("TEE-BLUE-M", "STORE-101"): 7,
    ("MUG-1", "STORE-101"): 4,
}


class KillsAt:
    """Does each thing once, when its second has come."""

    def __init__(self, plan: dict[float, Callable[[], None]]) -> None:
        self._plan = sorted(plan.items(), key=lambda item: item[0])
        self.done = 0

    def __call__(self, gone: float) -> None:
        while self._plan and gone >= self._plan[0][0]:
            self._plan.pop(0)[1]()
            self.done += 1


def assert_like_quiet_days(run: SuiteRun, days: int) -> None:
    """Journals, stock, balance and integrity are those of so many days without faults."""
    counts: dict[str, int] = {}
    for journal in all_pages(run.rest, "/v1/journals", "journals"):
        counts[journal["eventType"]] = counts.get(journal["eventType"], 0) + 1
    assert counts == {kind: count * days for kind, count in QUIET_DAY.items()}
    balance = run.rest.get("/v1/trial-balance")
    assert all(int(amount["minorUnits"]) == 0 for amount in balance["differences"])
    stock = {
        (p["sku"], p["location"]): int(p["onHand"])
        for p in all_pages(run.rest, "/v1/stock-positions", "stockPositions")
    }
    assert stock == QUIET_STOCK
    assert run.rest.get("/v1/stock-positions:verify").get("differences", []) == []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteRun]:
    with running_suite(tmp_path_factory.mktemp("suite"), durable=True) as run:
        yield run


@pytest.fixture(scope="module")
def days() -> count[int]:
    """Numbers of the days, in the order they are played."""
    return count(1)


def play_with(run: SuiteRun, number: int, plan: dict[float, Callable[[], None]]) -> None:
    """Plays a day with faults and compares it with quiet ones."""
    kills = KillsAt(plan)
    run.play(number, meanwhile=kills)
    assert kills.done >= 1, "the day was over before the first fault"
    run.while_watching(lambda: assert_like_quiet_days(run, number))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_killed_in_the_middle_loses_and_doubles_nothing(
    service: str, run: SuiteRun, days: count[int]
) -> None:
    play_with(run, next(days), {at: lambda: run.suite.kill(service) for at in (0.7, 4.0, 8.0)})


def test_nats_killed_and_its_store_deleted_loses_and_doubles_nothing(
    run: SuiteRun, days: count[int]
) -> None:
    nats = run.suite.nats
    assert nats is not None

    def lose_everything() -> None:
        nats.kill()
        nats.wipe()
        nats.start()

    play_with(run, next(days), {0.7: nats.kill, 2.5: lose_everything, 6.0: nats.kill})


def test_postgres_restarted_in_the_middle_loses_and_doubles_nothing(
    run: SuiteRun, days: count[int]
) -> None:
    postgres = run.suite.postgres
    assert postgres is not None
    play_with(run, next(days), {0.7: postgres.restart, 4.0: postgres.kill, 8.0: postgres.restart})


def test_the_whole_suite_stopped_and_started_continues(run: SuiteRun, days: count[int]) -> None:
    played = next(days) - 1
    run.suite.stop()
    run.suite.start()
    run.while_watching(lambda: assert_like_quiet_days(run, played))
