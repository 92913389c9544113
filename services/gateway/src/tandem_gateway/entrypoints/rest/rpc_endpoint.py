"""Answers REST requests by calling the rpc their route stands for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time
from email.utils import format_datetime
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response
from tandem.options.v1 import rpc_pb2
from tandem_platform.grpc_client import PeerChannels
from tandem_platform.request_context import Caller, acting_as

from tandem_gateway.application.authenticate import Authenticate, RequestRates
from tandem_gateway.domain.api_client import ApiClient
from tandem_gateway.domain.errors import MethodNotAllowed, RouteUnknown
from tandem_gateway.entrypoints.rest.door import through_the_door
from tandem_gateway.entrypoints.rest.dynamic_messages import contract_pool, message_class
from tandem_gateway.entrypoints.rest.http_body import read_json_body
from tandem_gateway.entrypoints.rest.http_caller import caller_of, client_of
from tandem_gateway.entrypoints.rest.http_routes import HttpRoute, RouteMatch, RouteTable
from tandem_gateway.entrypoints.rest.json_request import build_request, name_write
from tandem_gateway.entrypoints.rest.path_template import PathTemplate

IDEMPOTENCY_KEY = "idempotency-key"
REPLAYED = "tandem-replayed"
UNMATCHED_ROUTE = "unmatched"


@dataclass(frozen=True)
class RpcEndpoint:
    """Finds the route, checks the key and its rate, calls the service, answers in JSON."""

    table: RouteTable
    authenticate: Authenticate
    rates: RequestRates
    peers: PeerChannels
    body_bytes_max: int
    other_doors: tuple[tuple[PathTemplate, str], ...] = ()
    """Paths that no rpc stands behind, with the method each takes: this endpoint gets the rest."""

    async def __call__(self, request: Request) -> Response:
        """The answer; problems for everything that goes wrong."""
        raw_path = _raw_path(request)
        match = self.table.find(request.method, raw_path)
        if match is None:
            return await through_the_door(
                request, UNMATCHED_ROUTE, lambda: self._no_route(raw_path)
            )
        known: list[ApiClient] = []
        refusal: list[Exception] = []
        try:
            known.append(await client_of(request, self.authenticate))
        except Exception as error:  # noqa: BLE001 - answered inside the door, as a problem
            refusal.append(error)

        async def handle() -> Response:
            if refusal:
                raise refusal[0]
            return await self._call(request, match, known[0])

        return await through_the_door(
            request, match.route.template.text, handle, trusted=not refusal
        )

    async def _no_route(self, raw_path: str) -> Response:
        verbs = self.table.allowed_verbs(raw_path) or [
            verb for template, verb in self.other_doors if template.match(raw_path) is not None
        ]
        if verbs:
            raise MethodNotAllowed(",".join(verbs))
        raise RouteUnknown(raw_path[:200])

    async def _call(self, request: Request, match: RouteMatch, client: ApiClient) -> Response:
        route, caller = match.route, caller_of(client)
        self.rates.take(client, route.rpc.rate_class)
        body = await read_json_body(request, self.body_bytes_max)
        query = request.query_params.multi_items()
        message = build_request(route, match.path_fields, query, body)
        if route.rpc.mutates:
            name_write(message, request.headers.get(IDEMPOTENCY_KEY), caller.principal)
        return await self._answer(route, caller, message)

    async def _answer(self, route: HttpRoute, caller: Caller, message: Message) -> Response:
        channel = self.peers[route.service]
        with acting_as(caller):
            reply = await channel.reply(
                route.rpc.path, message, message_class(route.rpc.output_type)
            )
        headers = deprecation_headers(route.rpc.options.Extensions[rpc_pb2.rpc].deprecation)
        if reply.trailing.get(REPLAYED) == "true":
            headers["Idempotency-Replayed"] = "true"
        return Response(as_json(reply.response), headers=headers, media_type="application/json")


def as_json(message: Message) -> str:
    """Proto JSON with every field that has no presence: a stock of 0 is an answer, not a gap."""
    values: dict[str, Any] = json_format.MessageToDict(
        message,
        always_print_fields_with_no_presence=True,
        descriptor_pool=contract_pool(),
    )
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def deprecation_headers(deprecation: rpc_pb2.Deprecation) -> dict[str, str]:
    """``Deprecation`` (RFC 9745) and ``Sunset`` (RFC 8594) of an rpc on its way out."""
    if not deprecation.since:
        return {}
    headers = {"Deprecation": f"@{int(_midnight(deprecation.since).timestamp())}"}
    if deprecation.sunset:
        headers["Sunset"] = format_datetime(_midnight(deprecation.sunset), usegmt=True)
    return headers


def _midnight(date: str) -> datetime:
    return datetime.combine(datetime.fromisoformat(date).date(), time(), tzinfo=UTC)


def _raw_path(request: Request) -> str:
    """The path as it was sent, so that an encoded slash stays one character of an id."""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    # Compared byte for byte with templates of plain characters; anything else stays encoded.
    return bytes(raw).partition(b"?")[0].decode("latin-1")
