"""What is wrong comes back as a typed error naming the field, or waits where it can be repaired.

Goal: nothing bad is guessed, swallowed or lost on its way through the doors. Method: the suite as
processes, REST and webhooks only, and the operator's calls the `tandem` command makes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tandem_local import store_and_warehouse_files as files
from tandem_local.demo_connections import SHOPIFY, STORES, WAREHOUSE
from tandem_local.layout import Running
from tandem_local.operator_calls import OperatorCalls
from tandem_local.rest_client import wait_for
from tandem_local.secrets_of_suite import SHOPIFY_SECRET
from tandem_local.shopify_payloads import ShopLine, ShopOrder, order_body, signed_headers
from tandem_local.suite_under_test import SuiteRun, running_suite

pytestmark = [pytest.mark.suite, pytest.mark.timeout(200)]

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteRun]:
    with running_suite(tmp_path_factory.mktemp("suite")) as run:
        item = {"sku": "MUG-1", "title": "Mug", "quantityScale": 0}
        run.rest.post("/v1/items:put", {"items": [item]})
        kind = "KIND_DISTRIBUTION_CENTRE"
        dc = {"id": "DC-1", "kind": kind, "priority": 1, "ships": True}
        run.rest.post("/v1/locations:put", {"locations": [dc]})
        owned = [{"location": "*"}]
        source = {"id": f"{WAREHOUSE}/*", "sequencing": "SEQUENCING_SEQ", "owns": owned}
        run.rest.post("/v1/stock-sources:put", {"sources": [source]})
        yield run


def shop_order(number: int, sku: str = "MUG-1") -> bytes:
    line = ShopLine(number * 10, sku, 1, "10.00", "0.80")
    return order_body(ShopOrder(number, f"#{number}", (line,), "0.00", "0.00", "10.80", NOW))


def signed(run: SuiteRun, body: bytes, event_id: str = "") -> dict[str, str]:
    secret = run.suite.layout.secret(SHOPIFY_SECRET).read_text().strip()
    return signed_headers("orders/create", body, secret, event_id)


def draft(external_id: str, **changes: Any) -> dict[str, Any]:
    amount = {"currencyCode": "USD", "minorUnits": "1000"}
    line = {"lineRef": "1", "sku": "MUG-1", "quantity": "1", "listAmount": amount}
    return {
        "externalRef": {"system": "api", "type": "order", "id": external_id},
        "channel": "web",
        "currencyCode": "USD",
        "placeTime": NOW.isoformat().replace("+00:00", "Z"),
        "lines": [{**line, **changes.pop("line", {})}],
        "paymentMethod": "card",
        **changes,
    }


def problem(answer: httpx.Response, status: int, reason: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    found: dict[str, Any] = answer.json()
    assert found["reason"] == reason
    return found


def document(run: SuiteRun, document_id: str, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = run.rest.get(f"/v1/inbound-documents/{document_id}")["document"]
        return found if found["state"] == state else None

    return wait_for(f"document {document_id} in {state}", look, 20)


def test_ten_concurrent_deliveries_of_one_webhook_are_one_order(run: SuiteRun) -> None:
    body = shop_order(7_001)
    headers = signed(run, body, event_id=str(uuid.uuid4()))
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: run.rest.webhook(SHOPIFY, headers, body), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    found = wait_for(
        "the order", lambda: run.rest.get("/v1/orders", externalId="7001").get("orders")
    )
    assert len(found) == 1
    documents = {answer.json()["document"]["id"] for answer in answers}
    assert len(documents) == 1


def test_a_changed_byte_is_refused_and_nothing_is_stored(run: SuiteRun) -> None:
    body = shop_order(7_002)
    before = len(run.rest.get("/v1/inbound-documents", pageSize=250)["documents"])
    answer = run.rest.webhook(SHOPIFY, signed(run, body), body.replace(b"10.00", b"01.00"))
    problem(answer, 401, "WEBHOOK_SIGNATURE_INVALID")
    assert len(run.rest.get("/v1/inbound-documents", pageSize=250)["documents"]) == before


@pytest.mark.parametrize(
    ("before", "after", "reason", "field"),
    [
        (b'"currency": "USD"', b'"currency": "EUX"', "CURRENCY_UNKNOWN", "currency"),
        (b'"quantity": 1', b'"quantity": -1', "DOCUMENT_FIELD_INVALID", "quantity"),
        (b'"price": "10.00"', b'"price": "10.005"', "AMOUNT_NOT_EXACT", "price"),
        (b'"line_items"', b'"line_items', "DOCUMENT_MALFORMED", ""),
    ],
)
def test_a_bad_order_is_parked_with_its_field_and_can_be_repaired(
    run: SuiteRun, before: bytes, after: bytes, reason: str, field: str
) -> None:
    number = 7_100 + len(after)
    good = shop_order(number)
    assert before in good
    bad = good.replace(before, after, 1)
    answer = run.rest.webhook(SHOPIFY, signed(run, bad), bad)
    assert answer.status_code == 200, "the sender has done its part"
    parked = document(run, answer.json()["document"]["id"], "STATE_PARKED")
    assert parked["reason"] == reason
    assert field in parked["field"]
    repaired = httpx.Response(200, content=good).text
    run.rest.post(
        f"/v1/inbound-documents/{parked['id']}:retry",
        {"repairedPayload": _base64(repaired), "note": "corrected by hand"},
    )
    document(run, parked["id"], "STATE_TRANSLATED")


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


def test_malformed_xml_of_a_store_is_parked(run: SuiteRun) -> None:
    answer = run.rest.put_file(STORES, "broken.xml", "<POSLog><Transaction></POSLog>")
    parked = document(run, answer["document"]["id"], "STATE_PARKED")
    assert parked["reason"] == "DOCUMENT_MALFORMED"


def test_an_order_for_an_unknown_sku_is_refused_by_name(run: SuiteRun) -> None:
    body = {"order": draft("UNKNOWN-1", line={"sku": "NO-SUCH"}), "waitMs": 5000}
    order = run.rest.post("/v1/orders", body)["order"]
    assert (order["state"], order["reason"]) == ("STATE_REJECTED", "SKU_UNKNOWN")


def test_a_negative_quantity_names_its_field(run: SuiteRun) -> None:
    body = {"order": draft("NEGATIVE-1", line={"quantity": "-2"})}
    found = problem(run.rest.try_post("/v1/orders", body), 400, "VALIDATION_FAILED")
    assert "/order/lines/0/quantity" in json.dumps(found["errors"])


def test_an_unknown_currency_names_it(run: SuiteRun) -> None:
    amount = {"currencyCode": "EUX", "minorUnits": "1000"}
    body = {"order": draft("EUX-1", currencyCode="EUX", line={"listAmount": amount})}
    found = problem(run.rest.try_post("/v1/orders", body), 400, "CURRENCY_UNKNOWN")
    assert found["metadata"]["currency_code"] == "EUX"


def test_the_same_idempotency_key_with_another_body_is_refused(run: SuiteRun) -> None:
    key = str(uuid.uuid4())
    headers = {"Authorization": f"Bearer {run.suite.api_key}", "Idempotency-Key": key}
    with httpx.Client(base_url=run.suite.rest, headers=headers) as http:
        first = http.post("/v1/orders", json={"order": draft("KEY-1")})
        again = http.post("/v1/orders", json={"order": draft("KEY-1")})
        other = http.post("/v1/orders", json={"order": draft("KEY-2")})
    assert first.status_code == again.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["order"]["id"] == first.json()["order"]["id"]
    problem(other, 422, "REQUEST_ID_REUSED")


def test_stock_of_an_unknown_sku_waits_as_a_dead_letter_and_goes_on_after_repair(
    run: SuiteRun,
) -> None:
    counts = [("LATE-SKU", "DC-1", 5), ("MUG-1", "DC-1", 9)]
    content = files.stock_snapshot(1, "SNAP-BAD", counts, NOW)
    run.rest.put_file(WAREHOUSE, "unknown-sku.csv", content)
    layout = run.suite.layout
    calls = OperatorCalls(layout, Running.read(layout))
    letter = wait_for("the dead letter", lambda: calls.dead_letters("inventory-availability"))[0]
    assert letter.reason == "SKU_UNKNOWN"
    assert "LATE-SKU" in letter.detail
    run.rest.post("/v1/items:put", {"items": [{"sku": "LATE-SKU"}]})
    calls.requeue(letter.id, "")
    stock = wait_for(
        "the stock after the repair",
        lambda: run.rest.get("/v1/stock-positions", sku="LATE-SKU").get("stockPositions"),
    )
    assert stock[0]["onHand"] == "5"
