"""Stores received documents, many in one transaction: a source waits only for this."""

from collections.abc import Sequence

from tandem_connectors.application.ports import Transactions
from tandem_connectors.domain.inbound_document import InboundDocument

BATCH_DOCUMENTS_MAX = 64
# Larger ones go alone, so that a batch never holds more than 16 MiB.
BATCHED_BYTES_MAX = 256 * 1024


class StoreDocuments:
    """The process of a group commit; also called with a single document."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def process(
        self, documents: Sequence[InboundDocument]
    ) -> Sequence[InboundDocument | None]:
        """For each document the one that was there before, else None."""
        async with self._transactions() as transaction:
            before = await transaction.documents.add(documents)
            await transaction.commit()
        return before

    async def alone(self, document: InboundDocument) -> InboundDocument | None:
        """Stores one in its own transaction."""
        (before,) = await self.process([document])
        return before
