"""Who sends a request: the API client behind its key, as the services inside will know it."""

from __future__ import annotations

from starlette.requests import Request
from tandem_platform.request_context import Caller

from tandem_gateway.application.authenticate import Authenticate
from tandem_gateway.domain.api_client import ApiClient
from tandem_gateway.domain.errors import CredentialsRefused

BEARER = "bearer "
API_KEY_HEADER = "x-api-key"


async def client_of(request: Request, authenticate: Authenticate) -> ApiClient:
    """The client whose key came as ``Authorization: Bearer`` or ``X-Api-Key``.

    Raises CredentialsRefused.
    """
    key = request.headers.get(API_KEY_HEADER, "")
    if not key:
        header = request.headers.get("authorization", "")
        if not header[: len(BEARER)].lower() == BEARER:
            raise CredentialsRefused
        key = header[len(BEARER) :].strip()
    return await authenticate.client(key)


def caller_of(client: ApiClient) -> Caller:
    """The caller an internal token will name."""
    return Caller(
        subject=f"api-client/{client.api_client_id}",
        tenant=client.tenant,
        channel=client.channel,
        scopes=client.scopes,
    )
