"""Keys made, used and revoked through the door."""

from __future__ import annotations

import uuid

import httpx

from .gateway_under_test import RunningGateway, problem
from .services_behind import KNOWN, OrderDouble


async def create(gateway: RunningGateway, **changed: object) -> httpx.Response:
    body = {"displayName": "shop", "scopes": ["order:read"], "channel": "web"} | changed
    return await gateway.http.post(
        "/v1/api-clients", json=body, headers={"Idempotency-Key": str(uuid.uuid4())}
    )


async def test_a_made_key_opens_what_it_was_made_for_and_nothing_else(
    gateway: RunningGateway, orders: OrderDouble
) -> None:
    made = (await create(gateway)).json()
    with_key = {"Authorization": f"Bearer {made['apiKey']}"}
    read = await gateway.anyone.get(f"/v1/orders/{KNOWN}", headers=with_key)
    assert read.status_code == 200
    assert orders.callers[0].channel == "web"
    assert orders.callers[0].scopes == frozenset({"order:read"})
    cancel = await gateway.anyone.post(
        f"/v1/orders/{KNOWN}:cancel",
        json={},
        headers=with_key | {"Idempotency-Key": str(uuid.uuid4())},
    )
    assert problem(cancel, 403)["metadata"] == {"missing": "order:write"}


async def test_a_revoked_key_stops_at_once(gateway: RunningGateway) -> None:
    made = (await create(gateway)).json()
    with_key = {"Authorization": f"Bearer {made['apiKey']}"}
    assert (await gateway.anyone.get(f"/v1/orders/{KNOWN}", headers=with_key)).status_code == 200
    client_id = made["apiClient"]["id"]
    revoked = await gateway.http.post(
        f"/v1/api-clients/{client_id}:revoke",
        json={},
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert revoked.json()["apiClient"]["state"] == "STATE_REVOKED"
    problem(await gateway.anyone.get(f"/v1/orders/{KNOWN}", headers=with_key), 401)


async def test_a_repeat_shows_the_client_but_never_the_key_again(gateway: RunningGateway) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"displayName": "shop", "scopes": ["order:read"]}
    first = await gateway.http.post("/v1/api-clients", json=body, headers=headers)
    again = await gateway.http.post("/v1/api-clients", json=body, headers=headers)
    assert first.json()["apiKey"].startswith("tdm_dev_")
    assert again.json()["apiKey"] == ""
    assert again.json()["apiClient"] == first.json()["apiClient"]
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await gateway.http.post(
        "/v1/api-clients", json=body | {"displayName": "other"}, headers=headers
    )
    assert problem(other, 422)["reason"] == "REQUEST_ID_REUSED"


async def test_clients_are_listed_page_by_page_without_keys(gateway: RunningGateway) -> None:
    for number in range(3):
        await create(gateway, displayName=f"shop {number}")
    names: list[str] = []
    token = ""
    for _ in range(4):
        response = await gateway.http.get(
            "/v1/api-clients", params={"pageSize": 1, "pageToken": token}
        )
        assert "apiKey" not in response.text
        names += [client["displayName"] for client in response.json()["apiClients"]]
        token = response.json()["nextPageToken"]
    assert names == ["shop 2", "shop 1", "shop 0", "bootstrap"]
    assert token == ""


async def test_a_scope_no_rpc_asks_for_is_refused(gateway: RunningGateway) -> None:
    refused = problem(await create(gateway, scopes=["oder:read"]), 400)
    assert refused["reason"] == "SCOPE_UNKNOWN"
    assert refused["metadata"] == {"scope": "oder:read"}
