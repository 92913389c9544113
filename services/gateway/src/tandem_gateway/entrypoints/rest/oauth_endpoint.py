"""OAuth 2 client credentials (RFC 6749 section 4.4): a key for a token of ten minutes.

For clients whose library speaks OAuth: the client id is the API client's id, the secret its key.
Errors here have the form of that RFC, which such libraries expect, not that of problems.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tandem_gateway.application.authenticate import AccessGrant, Authenticate
from tandem_gateway.domain.api_client import ApiClient
from tandem_gateway.domain.errors import CredentialsRefused
from tandem_gateway.entrypoints.rest.door import through_the_door
from tandem_gateway.entrypoints.rest.http_body import read_body

OAUTH_ROUTE = "/oauth/token"
FORM_BYTES_MAX = 16_384
GRANT_TYPE = "client_credentials"


class OAuthRefused(Exception):
    """An error of RFC 6749 section 5.2 by its code."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@dataclass(frozen=True)
class OAuthEndpoint:
    """``POST /oauth/token``."""

    authenticate: Authenticate

    async def __call__(self, request: Request) -> Response:
        """A token, or an error of the RFC."""

        async def handle() -> Response:
            try:
                return await self._token(request)
            except OAuthRefused as refused:
                headers = {"WWW-Authenticate": "Basic"} if refused.status == 401 else {}
                return JSONResponse({"error": refused.code}, refused.status, headers)

        return await through_the_door(request, OAUTH_ROUTE, handle)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await read_body(request, FORM_BYTES_MAX)).decode("latin-1")))
        if form.get("grant_type") != GRANT_TYPE:
            raise OAuthRefused("unsupported_grant_type")
        if (tokens := self.authenticate.tokens) is None:
            raise OAuthRefused("unauthorized_client")
        client = await self._client(*_credentials(request, form))
        wanted = frozenset(form.get("scope", "").split()) or client.scopes
        if not wanted <= client.scopes:
            raise OAuthRefused("invalid_scope")
        token, lifetime_s = tokens.issue(AccessGrant(client.api_client_id, wanted))
        answer = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": lifetime_s,
            "scope": " ".join(sorted(wanted)),
        }
        return JSONResponse(answer)

    async def _client(self, client_id: str, key: str) -> ApiClient:
        # A token is no secret: exchanging one for another would keep it alive for ever.
        if not key.startswith("tdm_"):
            raise OAuthRefused("invalid_client", 401)
        try:
            client = await self.authenticate.client(key)
        except CredentialsRefused:
            raise OAuthRefused("invalid_client", 401) from None
        if client.api_client_id != client_id:
            raise OAuthRefused("invalid_client", 401)
        return client


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    header = request.headers.get("authorization", "")
    if header[:6].lower() != "basic ":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        pair = base64.b64decode(header[6:], validate=True).decode("latin-1")
    except binascii.Error:
        raise OAuthRefused("invalid_client", 401) from None
    client_id, _, secret = pair.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)
