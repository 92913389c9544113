"""IngressService: raw payloads in."""

from collections.abc import Callable

import grpc
from tandem.connector.v1 import ingress_service_pb2 as pb
from tandem.connector.v1 import ingress_service_pb2_grpc
from tandem_connector_sdk.documents import RawRequest
from tandem_platform.request_context import current_caller

from tandem_connectors.adapters.wire.document_mapping import to_message
from tandem_connectors.application.receive_payload import Received, ReceivePayload


class IngressService(ingress_service_pb2_grpc.IngressServiceServicer):
    """Stores and answers; `wake` tells the translation that something came."""

    def __init__(self, receive: ReceivePayload, wake: Callable[[], None]) -> None:
        self._receive = receive
        self._wake = wake

    async def ReceiveWebhook(
        self,
        request: pb.ReceiveWebhookRequest,
        context: grpc.aio.ServicerContext[pb.ReceiveWebhookRequest, pb.ReceiveWebhookResponse],
    ) -> pb.ReceiveWebhookResponse:
        """The tenant is the connection's: a webhook proves who it is by its signature."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        raw = RawRequest(headers, request.body)
        received = self._woken(await self._receive.webhook(request.connection_id, raw))
        return pb.ReceiveWebhookResponse(
            document=to_message(received.document), duplicate=received.duplicate
        )

    async def ReceiveFile(
        self,
        request: pb.ReceiveFileRequest,
        context: grpc.aio.ServicerContext[pb.ReceiveFileRequest, pb.ReceiveFileResponse],
    ) -> pb.ReceiveFileResponse:
        """The connection must be the caller's tenant's."""
        tenant = current_caller().tenant
        received = self._woken(
            await self._receive.file(
                request.connection_id, tenant, request.file_name, request.content
            )
        )
        return pb.ReceiveFileResponse(
            document=to_message(received.document), duplicate=received.duplicate
        )

    def _woken(self, received: Received) -> Received:
        if not received.duplicate:
            self._wake()
        return received
