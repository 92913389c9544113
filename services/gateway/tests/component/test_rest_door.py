"""REST requests through the whole gateway to a real service and back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .gateway_under_test import RunningGateway, a_key, problem, running_gateway
from .services_behind import KNOWN, OrderDouble

UNKNOWN = "018f0000-0000-7000-8000-0000000000ff"


def an_order(**changed: Any) -> dict[str, Any]:
    """A body for POST /v1/orders the contract accepts."""
    order = {
        "externalRef": {"system": "shop", "type": "order", "id": "1001"},
        "channel": "web",
        "currencyCode": "EUR",
        "placeTime": "2026-03-02T09:00:00Z",
        "lines": [
            {
                "lineRef": "1",
                "sku": "SKU-1",
                "quantity": "2",
                "listAmount": {"currencyCode": "EUR", "minorUnits": "1999"},
            }
        ],
        "paymentMethod": "card",
    }
    return {"order": order | changed}


def a_write() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


async def test_a_request_reaches_the_service_and_its_answer_comes_back_as_json(
    gateway: RunningGateway, orders: OrderDouble
) -> None:
    response = await gateway.http.get(f"/v1/orders/{KNOWN}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    order = response.json()["order"]
    assert order["id"] == KNOWN
    assert order["state"] == "STATE_UNSPECIFIED"
    assert order["lines"] == []
    caller = orders.callers[0]
    assert caller.tenant == "demo"
    assert caller.subject.startswith("api-client/")


async def test_an_order_is_submitted_and_a_repeat_is_marked_as_replayed(
    gateway: RunningGateway, orders: OrderDouble
) -> None:
    headers = a_write()
    first = await gateway.http.post("/v1/orders", json=an_order(), headers=headers)
    again = await gateway.http.post("/v1/orders", json=an_order(), headers=headers)
    assert (first.status_code, again.status_code) == (200, 200), first.text
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    sent = orders.submitted[0]
    assert sent.request_id == headers["Idempotency-Key"]
    assert sent.order.lines[0].quantity == 2
    assert sent.order.lines[0].list_amount.minor_units == 1999


async def test_a_typed_error_of_the_service_becomes_its_problem(gateway: RunningGateway) -> None:
    missing = problem(await gateway.http.get(f"/v1/orders/{UNKNOWN}"), 404)
    assert missing["reason"] == "NOT_FOUND"
    assert missing["metadata"] == {"resource": "order", "id": UNKNOWN}
    late = await gateway.http.post(
        f"/v1/orders/{KNOWN}:cancel", json={"reason": "no longer wanted"}, headers=a_write()
    )
    refused = problem(late, late.status_code)
    assert refused["reason"] == "ORDER_STATE"
    assert 400 <= refused["status"] < 500
    assert refused["details"] == [
        {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "7s"}
    ]


async def test_bounds_of_the_contract_are_told_with_pointers_into_the_body(
    gateway: RunningGateway,
) -> None:
    body = an_order(currencyCode="euro", lines=[])
    refused = problem(await gateway.http.post("/v1/orders", json=body, headers=a_write()), 400)
    assert refused["reason"] == "VALIDATION_FAILED"
    pointers = {error["pointer"]: error["rule"] for error in refused["errors"]}
    assert pointers["/order/currencyCode"] == "string.pattern"
    assert pointers["/order/lines"] == "repeated.min_items"


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (b'{"order": ', ""),
        (b'{"order": {"chanel": "web"}}', "/order/chanel"),
        (b'{"order": {"lines": [{"quantity": "two"}]}}', "/order/lines/0/quantity"),
    ],
)
async def test_bad_json_unknown_fields_and_wrong_types_are_refused_and_located(
    gateway: RunningGateway, orders: OrderDouble, content: bytes, pointer: str
) -> None:
    headers = a_write() | {"Content-Type": "application/json"}
    response = await gateway.http.post("/v1/orders", content=content, headers=headers)
    assert problem(response, 400)["errors"][0]["pointer"] == pointer
    assert orders.submitted == []


async def test_a_write_without_a_name_is_refused(gateway: RunningGateway) -> None:
    refused = problem(await gateway.http.post("/v1/orders", json=an_order()), 400)
    assert refused["errors"][0]["pointer"] == "/requestId"


async def test_requests_without_a_working_key_are_refused(
    gateway: RunningGateway, orders: OrderDouble
) -> None:
    forged = gateway.key[:-4] + "0000"
    for headers in (
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Basic {gateway.key}"},
        {"Authorization": f"Bearer {forged}"},
        {"Authorization": f"Bearer {a_key()}"},
        {"X-Api-Key": forged},
    ):
        response = await gateway.anyone.get(f"/v1/orders/{KNOWN}", headers=headers)
        assert problem(response, 401)["reason"] == "UNAUTHENTICATED"
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    allowed = await gateway.anyone.get(f"/v1/orders/{KNOWN}", headers={"X-Api-Key": gateway.key})
    assert allowed.status_code == 200
    assert len(orders.callers) == 1


async def test_another_method_is_refused_with_those_allowed(gateway: RunningGateway) -> None:
    response = await gateway.http.delete("/v1/orders")
    assert problem(response, 405)["reason"] == "METHOD_NOT_ALLOWED"
    assert response.headers["Allow"] == "GET, POST"
    assert problem(await gateway.http.get("/v1/oders"), 404)["reason"] == "ROUTE_UNKNOWN"


async def test_a_body_over_the_limit_is_refused(gateway: RunningGateway) -> None:
    body = an_order(displayName="x" * (1024 * 1024))
    response = await gateway.http.post("/v1/orders", json=body, headers=a_write())
    refused = problem(response, 413)
    assert refused["metadata"] == {"bytes_max": str(1024 * 1024)}


async def test_a_body_over_the_limit_without_a_length_is_refused_too(
    gateway: RunningGateway,
) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    headers = a_write() | {"Content-Type": "application/json"}
    response = await gateway.http.post("/v1/orders", content=endless(), headers=headers)
    assert problem(response, 413)["reason"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("headers", [{"Content-Type": "text/xml"}, {"Content-Encoding": "gzip"}])
async def test_bodies_of_other_kinds_are_refused(
    gateway: RunningGateway, headers: dict[str, str]
) -> None:
    kind = {"Content-Type": "application/json"} | headers | a_write()
    response = await gateway.http.post("/v1/orders", content=b"{}", headers=kind)
    assert problem(response, 415)["reason"] == "MEDIA_TYPE_UNSUPPORTED"


async def test_text_of_an_unforeseen_failure_never_leaves(
    gateway: RunningGateway, orders: OrderDouble
) -> None:
    orders.fails_with = ValueError("hunter2")
    response = await gateway.http.get(f"/v1/orders/{KNOWN}")
    assert problem(response, 500)["reason"] == "INTERNAL"
    assert "hunter2" not in response.text + str(response.headers)


async def test_an_absent_service_is_503_and_the_others_go_on(gateway: RunningGateway) -> None:
    response = await gateway.http.get("/v1/journals")
    assert problem(response, 503)["reason"] == "UNAVAILABLE"
    assert int(response.headers["Retry-After"]) >= 1
    assert (await gateway.http.get(f"/v1/orders/{KNOWN}")).status_code == 200


async def test_every_answer_carries_request_id_trace_id_and_security_headers(
    gateway: RunningGateway,
) -> None:
    for path in (f"/v1/orders/{KNOWN}", "/v1/oders", "/openapi.json", "/problems/NOT_FOUND"):
        response = await gateway.http.get(path, headers={"X-Request-Id": "mine-1"})
        assert response.headers["X-Request-Id"] == "mine-1"
        assert len(response.headers["X-Trace-Id"]) == 32
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
    fresh = await gateway.http.get("/v1/oders", headers={"X-Request-Id": "a b"})
    assert uuid.UUID(fresh.headers["X-Request-Id"])


async def test_the_trace_of_a_known_sender_is_continued_and_of_a_stranger_is_not(
    gateway: RunningGateway, orders: OrderDouble
) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    known = await gateway.http.get(f"/v1/orders/{KNOWN}", headers=parent)
    stranger = await gateway.anyone.get(f"/v1/orders/{KNOWN}", headers=parent)
    assert known.headers["X-Trace-Id"] == trace_id
    assert orders.trace_parents[0].split("-")[1] == trace_id
    assert stranger.headers["X-Trace-Id"] != trace_id


async def test_a_key_over_its_rate_is_told_when_to_come_back(
    migrated_database: Callable[[str], str], tmp_path: Path, orders: OrderDouble
) -> None:
    backends: dict[str, list[object]] = {"order-orchestrator": [orders]}
    url = migrated_database("tandem_gateway")
    async with running_gateway(url, tmp_path, backends, requests_per_second_default=2.0) as gateway:
        answers = await asyncio.gather(
            *(gateway.http.get(f"/v1/orders/{KNOWN}") for _ in range(10))
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 200
        assert statuses[-1] == 429
        limited = next(answer for answer in answers if answer.status_code == 429)
        assert problem(limited, 429)["reason"] == "OVERLOADED"
        assert int(limited.headers["Retry-After"]) >= 1


async def test_liveness_readiness_and_problem_pages_are_served(gateway: RunningGateway) -> None:
    assert (await gateway.anyone.get("/healthz")).json() == {"status": "alive"}
    assert (await gateway.anyone.get("/readyz")).json() == {"status": "ready"}
    reasons = (await gateway.anyone.get("/problems")).json()["problems"]
    assert {"NOT_FOUND", "ROUTE_UNKNOWN", "ORDER_STATE"} <= {each["reason"] for each in reasons}
    page = await gateway.anyone.get("/problems/NOT_FOUND", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "NOT_FOUND" in page.text
    problem(await gateway.anyone.get("/problems/NO_SUCH_REASON"), 404)
