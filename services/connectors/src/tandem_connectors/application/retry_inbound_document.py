"""Translates a parked document again, as it is or repaired."""

from dataclasses import dataclass, field

from tandem_connectors.application.ports import Transaction
from tandem_connectors.application.translate_documents import TranslateDocuments
from tandem_connectors.domain.inbound_document import InboundDocument


@dataclass(frozen=True, slots=True)
class RetryInboundDocument:
    """Which document, the payload to use instead (None keeps the last one), and why."""

    tenant: str
    document_id: str
    repaired_payload: bytes | None = field(repr=False)
    note: str


class RetryInboundDocumentHandler:
    """Works in the caller's transaction, so that the answer is stored with the effect."""

    def __init__(self, translate: TranslateDocuments) -> None:
        self._translate = translate

    async def handle(
        self, transaction: Transaction, retry: RetryInboundDocument
    ) -> InboundDocument:
        """The document afterwards; raises NotFound or DocumentNotParked."""
        parked = await transaction.documents.get(retry.tenant, retry.document_id, lock=True)
        ready = parked.repaired(retry.repaired_payload, retry.note)
        (after,) = await self._translate.translate(transaction, [ready])
        return after
