"""OAuth client credentials through the door."""

from __future__ import annotations

import uuid

import httpx

from .gateway_under_test import RunningGateway, problem
from .services_behind import KNOWN, OrderDouble


def client_id(gateway: RunningGateway) -> str:
    return str(uuid.UUID(hex=gateway.key.split("_")[2]))


async def token(gateway: RunningGateway, **form: str) -> httpx.Response:
    return await gateway.anyone.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"} | form,
        auth=(client_id(gateway), gateway.key),
    )


async def test_a_token_opens_the_scopes_it_was_asked_for_and_no_others(
    gateway: RunningGateway, orders: OrderDouble
) -> None:
    granted = (await token(gateway, scope="order:read")).json()
    assert (granted["token_type"], granted["scope"]) == ("Bearer", "order:read")
    bearer = {"Authorization": f"Bearer {granted['access_token']}"}
    read = await gateway.anyone.get(f"/v1/orders/{KNOWN}", headers=bearer)
    assert read.status_code == 200, read.text
    assert orders.callers[0].scopes == frozenset({"order:read"})
    problem(await gateway.anyone.get("/v1/api-clients", headers=bearer), 403)


async def test_credentials_may_come_in_the_form(gateway: RunningGateway) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id(gateway),
        "client_secret": gateway.key,
    }
    response = await gateway.anyone.post("/oauth/token", data=form)
    assert response.status_code == 200
    assert "gateway:admin" in response.json()["scope"].split()


async def test_revoking_a_client_ends_its_tokens(gateway: RunningGateway) -> None:
    bearer = {"Authorization": f"Bearer {(await token(gateway)).json()['access_token']}"}
    assert (await gateway.anyone.get("/v1/api-clients", headers=bearer)).status_code == 200
    path = f"/v1/api-clients/{client_id(gateway)}:revoke"
    name = {"Idempotency-Key": str(uuid.uuid4())}
    assert (await gateway.http.post(path, json={}, headers=name)).status_code == 200
    problem(await gateway.anyone.get("/v1/api-clients", headers=bearer), 401)


async def test_refusals_have_the_form_of_the_rfc(gateway: RunningGateway) -> None:
    wide = await token(gateway, scope="order:read everything:admin")
    assert (wide.status_code, wide.json()) == (400, {"error": "invalid_scope"})
    other = await token(gateway, grant_type="password")
    assert (other.status_code, other.json()) == (400, {"error": "unsupported_grant_type"})
    stranger = await gateway.anyone.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(str(uuid.uuid4()), gateway.key),
    )
    assert (stranger.status_code, stranger.json()) == (401, {"error": "invalid_client"})
    assert stranger.headers["WWW-Authenticate"] == "Basic"


async def test_a_token_cannot_be_exchanged_for_another(gateway: RunningGateway) -> None:
    access = (await token(gateway)).json()["access_token"]
    form = {"grant_type": "client_credentials"}
    response = await gateway.anyone.post(
        "/oauth/token", data=form, auth=(client_id(gateway), access)
    )
    assert response.status_code == 401
