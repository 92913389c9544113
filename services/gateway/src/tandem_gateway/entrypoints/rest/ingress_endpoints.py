"""Webhooks and files in: raw bytes to the connectors service, which knows what they are."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from tandem.connector.v1 import ingress_service_pb2 as pb
from tandem.connector.v1 import ingress_service_pb2_grpc as wire
from tandem_platform.grpc_client import PeerChannels
from tandem_platform.request_context import Caller, acting_as

from tandem_gateway.application.authenticate import Authenticate, ConnectionRates, RequestRates
from tandem_gateway.entrypoints.rest.door import through_the_door
from tandem_gateway.entrypoints.rest.http_body import read_body
from tandem_gateway.entrypoints.rest.http_caller import caller_of, client_of
from tandem_gateway.entrypoints.rest.rpc_endpoint import as_json

CONNECTORS = "connectors"
WEBHOOK_ROUTE = "/webhooks/{connection}"
FILE_ROUTE = "/files/{connection}/{file_name}"
HEADERS_PASSED_MAX = 100
# Never passed on: they are about this hop, or are credentials for this door.
_HOP_HEADERS = frozenset(
    {"connection", "host", "transfer-encoding", "upgrade", "authorization", "cookie", "x-api-key"}
)


@dataclass(frozen=True)
class WebhookEndpoint:
    """Takes webhooks without a key: their signature is checked over the exact bytes inside."""

    own: Caller
    peers: PeerChannels
    rates: ConnectionRates
    bytes_max: int

    async def __call__(self, request: Request) -> Response:
        """200 when stored; the source repeats everything else."""

        async def handle() -> Response:
            connection = request.path_params["connection"]
            self.rates.take(connection)
            headers = [(k, v) for k, v in request.headers.items() if k not in _HOP_HEADERS]
            message = pb.ReceiveWebhookRequest(
                connection_id=connection,
                headers=dict(headers[:HEADERS_PASSED_MAX]),
                body=await read_body(request, self.bytes_max),
            )
            with acting_as(self.own):
                stub = wire.IngressServiceStub(self.peers[CONNECTORS])
                answer = await stub.ReceiveWebhook(message)
            return Response(as_json(answer), media_type="application/json")

        return await through_the_door(request, WEBHOOK_ROUTE, handle)


@dataclass(frozen=True)
class FileEndpoint:
    """Takes files of a connection, with an API key."""

    authenticate: Authenticate
    peers: PeerChannels
    rates: RequestRates
    bytes_max: int

    async def __call__(self, request: Request) -> Response:
        """201 when taken, 200 when the same file was taken before."""

        async def handle() -> Response:
            client = await client_of(request, self.authenticate)
            self.rates.take(client, "BULK")
            message = pb.ReceiveFileRequest(
                connection_id=request.path_params["connection"],
                file_name=request.path_params["file_name"],
                content=await read_body(request, self.bytes_max),
            )
            with acting_as(caller_of(client)):
                stub = wire.IngressServiceStub(self.peers[CONNECTORS])
                answer = await stub.ReceiveFile(message)
            status = 200 if answer.duplicate else 201
            return Response(as_json(answer), status_code=status, media_type="application/json")

        return await through_the_door(request, FILE_ROUTE, handle)
