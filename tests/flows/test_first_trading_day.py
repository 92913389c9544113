"""One day through all services, by the doors a real user has.

Goal: an order and a sale travel from vendor payloads to balanced journals, on one trace. Method:
the suite as processes, embedded Postgres and NATS, an OTLP sink in this process. Left out: kills,
which `tests/faults` does on the same day.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tandem_local.day import DayResult
from tandem_local.report import all_pages
from tandem_local.rest_client import wait_for
from tandem_local.secrets_of_suite import ERP_KEY
from tandem_local.suite_under_test import SuiteRun, running_suite
from tandem_testing.otlp_sink import OtlpSink

pytestmark = [pytest.mark.suite, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, sink: OtlpSink) -> Iterator[SuiteRun]:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint}
    with running_suite(tmp_path_factory.mktemp("suite"), extra=environment) as run:
        yield run


@pytest.fixture(scope="module")
def day(run: SuiteRun) -> DayResult:
    return run.play()


def journals_of(run: SuiteRun, order_id: str) -> dict[str, dict[str, Any]]:
    found = all_pages(run.rest, "/v1/journals", "journals", orderId=order_id)
    return {journal["eventType"]: journal for journal in found}


def amounts(journal: dict[str, Any]) -> dict[str, int]:
    total: dict[str, int] = {}
    for line in journal["lines"]:
        sign = 1 if line["side"] == "SIDE_DEBIT" else -1
        minor = sign * int(line["amount"]["minorUnits"])
        total[line["role"]] = total.get(line["role"], 0) + minor
    return total


def test_the_web_order_is_posted_with_revenue_tax_cost_and_payment(
    run: SuiteRun, day: DayResult
) -> None:
    journals = journals_of(run, day.order_id)
    assert amounts(journals["payment.captured"]) == {
        "PSP_CLEARING": 12744,
        "CUSTOMER_DEPOSIT": -12744,
    }
    assert amounts(journals["shipment.confirmed"]) == {
        "AR_ORDER": 12744,
        "REV_DISCOUNT": 1000,
        "REV_PRODUCT": -12000,
        "REV_SHIPPING": -800,
        "TAX_PAYABLE": -944,
        "COGS": 3300,
        "INVENTORY": -3300,
    }
    assert amounts(journals["deposit.applied"]) == {"CUSTOMER_DEPOSIT": 12744, "AR_ORDER": -12744}


def test_the_refund_reverses_money_and_goods_by_disposition(run: SuiteRun, day: DayResult) -> None:
    journals = journals_of(run, day.order_id)
    assert amounts(journals["refund.approved"]) == {
        "REV_RETURNS": 4500,
        "TAX_PAYABLE": 360,
        "REFUND_PAYABLE": -4860,
        "INV_RETURNS_HOLD": 0,
        "COGS": -1250,
        "INVENTORY": 1250,
    }
    assert amounts(journals["refund.settled"]) == {"REFUND_PAYABLE": 4860, "PSP_CLEARING": -4860}


def test_the_store_sale_is_posted_in_cash(run: SuiteRun, day: DayResult) -> None:
    journal = journals_of(run, day.sale_id)["pos.sale"]
    posted = amounts(journal)
    assert posted["TILL"] == 7344
    assert posted["REV_PRODUCT"] == -6800
    assert posted["TAX_PAYABLE"] == -544
    assert posted["COGS"] == -posted["INVENTORY"] == 1250 + 2 * 325


def test_the_books_balance_to_zero(run: SuiteRun, day: DayResult) -> None:
    found = run.rest.get("/v1/trial-balance")
    assert int(found["journalCount"]) >= 6
    assert all(int(amount["minorUnits"]) == 0 for amount in found["differences"])


def test_the_erp_has_the_books(run: SuiteRun, day: DayResult) -> None:
    """Debits and credits of its submitted entries, by account of the map, are ours by role."""
    entries = run.rest.get("/v1/account-map")["accountMap"]["entries"]
    roles = {entry["segments"]["account"]: entry["role"] for entry in entries}
    key = run.suite.layout.secret(ERP_KEY).read_text().strip()

    def in_erp() -> dict[str, tuple[int, int]]:
        answer = httpx.get(
            f"{run.suite.erp}/admin/trial-balance", headers={"authorization": f"token {key}"}
        )
        rows = answer.raise_for_status().json()["accounts"]
        cents = [[int(Decimal(row[side]) * 100) for side in ("debit", "credit")] for row in rows]
        return {roles[row["account"]]: (d, c) for row, (d, c) in zip(rows, cents, strict=True)}

    def in_books() -> dict[str, tuple[int, int]]:
        found = run.rest.get("/v1/trial-balance")["balances"]
        sides = ("debit", "credit")
        cents = [[int(row[side].get("minorUnits", 0)) for side in sides] for row in found]
        return {row["role"]: (d, c) for row, (d, c) in zip(found, cents, strict=True)}

    def both() -> bool:
        return in_erp() == in_books()

    run.while_watching(lambda: wait_for("the books in the ERP", both))


def test_a_webhook_delivered_twice_is_one_order(run: SuiteRun, day: DayResult) -> None:
    orders = all_pages(run.rest, "/v1/orders", "orders", channel="web")
    assert len([o for o in orders if o["id"] == day.order_id]) == 1
    assert len([o for o in orders if o["state"] == "STATE_PARTIALLY_RETURNED"]) == 1


def test_the_refused_order_left_nothing_reserved(run: SuiteRun, day: DayResult) -> None:
    order = run.rest.get(f"/v1/orders/{day.rejected_id}")["order"]
    assert order["state"] == "STATE_REJECTED"
    assert order["shortages"][0]["alternatives"]
    reservations = run.rest.get("/v1/reservations", ownerId=day.rejected_id)
    assert [r for r in reservations.get("reservations", []) if r["state"] != "STATE_RELEASED"] == []


def test_stock_ledger_and_reservations_agree(run: SuiteRun, day: DayResult) -> None:
    found = run.rest.get("/v1/stock-positions:verify")
    assert int(found["checkedPositions"]) >= 5
    assert found.get("differences", []) == []


def test_reconciliation_finds_the_planted_break_and_nothing_else(
    run: SuiteRun, day: DayResult
) -> None:
    assert [(e["type"], e["key"]) for e in day.exceptions] == [
        ("UNKNOWN_IN_SETTLEMENT", day.planted_ref)
    ]
    by_id = {item["checkpoint"]: item for item in day.runs}
    assert set(by_id) == {"C1", "C3", "C5"}
    assert int(by_id["C5"]["matchedCount"]) == 2


def test_one_trace_tells_the_story_from_webhook_to_reconciliation(
    run: SuiteRun, day: DayResult, sink: OtlpSink
) -> None:
    services = {
        "gateway",
        "connectors",
        "order-orchestrator",
        "inventory-availability",
        "finance-posting",
        "reconciliation",
    }
    trace = sink.wait_for_trace(day.trace_id, services=services)
    assert trace.services >= services, trace.as_tree()
    assert trace.is_connected(), trace.as_tree()


def test_every_journal_explains_itself(run: SuiteRun, day: DayResult) -> None:
    for journal in journals_of(run, day.order_id).values():
        explained = run.rest.get(f"/v1/journals/{journal['id']}:explain")
        assert all(line["agrees"] for line in explained["lines"]), explained


def test_another_day_continues_on_the_same_data(run: SuiteRun, day: DayResult) -> None:
    second = run.play(number=2)
    assert second.order_id != day.order_id
    found = run.rest.get("/v1/trial-balance")
    assert all(int(amount["minorUnits"]) == 0 for amount in found["differences"])
