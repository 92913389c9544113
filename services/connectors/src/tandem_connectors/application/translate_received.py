"""Translates what was received and not yet translated, oldest first, in batches."""

from tandem_connectors.application.ports import FactsToldMeanwhile, FaultPoint, Transactions
from tandem_connectors.application.translate_documents import TranslateDocuments

DOCUMENTS_BATCH_MAX = 32


class TranslateReceived:
    """One round of the translation worker; several replicas may run it at once."""

    def __init__(
        self, transactions: Transactions, translate: TranslateDocuments, fault_point: FaultPoint
    ) -> None:
        self._transactions = transactions
        self._translate = translate
        self._fault_point = fault_point

    async def round(self) -> int:
        """How many documents were tried; 0 when there was nothing to do."""
        async with self._transactions() as transaction:
            documents = await transaction.documents.claim_received(DOCUMENTS_BATCH_MAX)
            if not documents:
                return 0
            await self._fault_point("connectors.documents_claimed")
            try:
                await self._translate.translate(transaction, documents)
            except FactsToldMeanwhile:
                # Nothing was kept; the next round sees what the other replica told.
                return len(documents)
            await self._fault_point("connectors.documents_translated")
            await transaction.commit()
            await self._fault_point("connectors.translation_committed")
            return len(documents)
