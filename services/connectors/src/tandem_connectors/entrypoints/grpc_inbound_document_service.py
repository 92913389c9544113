"""InboundDocumentService: what came from outside, and its repair."""

from datetime import datetime

import grpc
from tandem.connector.v1 import inbound_document_service_pb2 as pb
from tandem.connector.v1 import inbound_document_service_pb2_grpc
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_connectors.adapters.postgres.transaction import (
    PostgresTransaction,
    PostgresTransactions,
)
from tandem_connectors.adapters.wire.document_mapping import to_message, to_state
from tandem_connectors.application.ports import DocumentPage, FactsToldMeanwhile
from tandem_connectors.application.retry_inbound_document import (
    RetryInboundDocument,
    RetryInboundDocumentHandler,
)

RETRY_ROUNDS_MAX = 3


class InboundDocumentService(inbound_document_service_pb2_grpc.InboundDocumentServiceServicer):
    """Reads and repairs documents of the caller's tenant."""

    def __init__(
        self,
        transactions: PostgresTransactions,
        retry: RetryInboundDocumentHandler,
        writes: IdempotentWrites,
        page_tokens: PageTokens,
    ) -> None:
        self._transactions = transactions
        self._retry = retry
        self._writes = writes
        self._page_tokens = page_tokens

    async def ListInboundDocuments(
        self,
        request: pb.ListInboundDocumentsRequest,
        context: grpc.aio.ServicerContext[
            pb.ListInboundDocumentsRequest, pb.ListInboundDocumentsResponse
        ],
    ) -> pb.ListInboundDocumentsResponse:
        """Newest first."""
        size = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        page = DocumentPage(
            tenant=current_caller().tenant,
            state=to_state(request.state),
            connection_id=request.connection_id,
            after=(datetime.fromisoformat(str(after[0])), str(after[1])) if after else None,
            limit=size + 1,
        )
        async with self._transactions() as transaction:
            found = await transaction.documents.page(page)
        shown, token = found[:size], ""
        if len(found) > size:
            last = shown[-1]
            token = self._page_tokens.encode([last.received_at.isoformat(), last.id], request)
        return pb.ListInboundDocumentsResponse(
            documents=[to_message(document) for document in shown], next_page_token=token
        )

    async def GetInboundDocument(
        self,
        request: pb.GetInboundDocumentRequest,
        context: grpc.aio.ServicerContext[
            pb.GetInboundDocumentRequest, pb.GetInboundDocumentResponse
        ],
    ) -> pb.GetInboundDocumentResponse:
        """With its payload."""
        tenant = current_caller().tenant
        async with self._transactions() as transaction:
            found = await transaction.documents.get(tenant, request.document_id, lock=False)
        return pb.GetInboundDocumentResponse(document=to_message(found, with_payload=True))

    async def RetryInboundDocument(
        self,
        request: pb.RetryInboundDocumentRequest,
        context: grpc.aio.ServicerContext[
            pb.RetryInboundDocumentRequest, pb.RetryInboundDocumentResponse
        ],
    ) -> pb.RetryInboundDocumentResponse:
        """Once per request id; again when another replica told one of its facts meanwhile."""
        retry = RetryInboundDocument(
            tenant=current_caller().tenant,
            document_id=request.document_id,
            repaired_payload=request.repaired_payload or None,
            note=request.note,
        )

        async def effect(unit: UnitOfWork) -> pb.RetryInboundDocumentResponse:
            transaction = PostgresTransaction(unit, self._transactions.owner)
            after = await self._retry.handle(transaction, retry)
            return pb.RetryInboundDocumentResponse(document=to_message(after))

        for _ in range(RETRY_ROUNDS_MAX - 1):
            try:
                return await self._writes.run(request, effect)
            except FactsToldMeanwhile:
                continue
        return await self._writes.run(request, effect)
