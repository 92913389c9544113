"""Webhooks and files: the exact bytes arrive, or nothing does."""

from __future__ import annotations

from .gateway_under_test import RunningGateway, problem
from .services_behind import IngressDouble

BODY = b'{"id": 1,  "note": "\xc3\xa9"}\r\n'


async def test_a_webhook_arrives_byte_for_byte_with_its_headers_and_without_a_key(
    gateway: RunningGateway, ingress: IngressDouble
) -> None:
    headers = {"X-Signature": "good", "X-Topic": "orders/create", "Authorization": "Bearer x"}
    response = await gateway.anyone.post("/webhooks/shop-eu", content=BODY, headers=headers)
    assert response.status_code == 200, response.text
    webhook = ingress.webhooks[0]
    assert (webhook.connection_id, webhook.body) == ("shop-eu", BODY)
    assert webhook.headers["x-topic"] == "orders/create"
    assert "authorization" not in webhook.headers
    assert ingress.callers[0].scopes == frozenset({"connector:ingest"})


async def test_a_webhook_with_a_wrong_signature_is_401(
    gateway: RunningGateway, ingress: IngressDouble
) -> None:
    response = await gateway.anyone.post(
        "/webhooks/shop-eu", content=BODY, headers={"X-Signature": "bad"}
    )
    assert problem(response, 401)["reason"] == "WEBHOOK_SIGNATURE_INVALID"
    assert ingress.webhooks == []


async def test_a_webhook_over_the_limit_is_refused(gateway: RunningGateway) -> None:
    content = b"x" * (5 * 1024 * 1024 + 1)
    response = await gateway.anyone.post("/webhooks/shop-eu", content=content)
    assert problem(response, 413)["reason"] == "PAYLOAD_TOO_LARGE"


async def test_a_file_needs_a_key_and_is_taken_once(
    gateway: RunningGateway, ingress: IngressDouble
) -> None:
    content = b"sku;qty\n" * 800_000
    path = "/files/wms-1/stock.csv"
    problem(await gateway.anyone.put(path, content=content), 401)
    first = await gateway.http.put(path, content=content)
    again = await gateway.http.put(path, content=content)
    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert ingress.files[0].content == content
    assert ingress.files[0].file_name == "stock.csv"


async def test_another_method_on_a_raw_door_is_refused(gateway: RunningGateway) -> None:
    response = await gateway.http.get("/webhooks/shop-eu")
    assert problem(response, 405)["reason"] == "METHOD_NOT_ALLOWED"
    assert response.headers["Allow"] == "POST"
