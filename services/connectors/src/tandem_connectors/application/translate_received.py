"""Translates what was received and not yet translated, oldest first, in batches."""

from tandem_core.clock import Clock

from tandem_connectors.application.ports import (
    ContentRefused,
    FactsToldMeanwhile,
    FaultPoint,
    Transactions,
)
from tandem_connectors.application.translate_documents import TranslateDocuments
from tandem_connectors.domain.inbound_document import DocumentState, InboundDocument, Refusal

DOCUMENTS_BATCH_MAX = 32
REASON_UNSTORABLE = "INTERNAL"


class TranslateReceived:
    """One round of the translation worker; several replicas may run it at once."""

    def __init__(
        self,
        transactions: Transactions,
        translate: TranslateDocuments,
        clock: Clock,
        fault_point: FaultPoint,
    ) -> None:
        self._transactions = transactions
        self._translate = translate
        self._clock = clock
        self._fault_point = fault_point

    async def round(self) -> int:
        """How many documents were tried; 0 when there was nothing to do."""
        try:
            return len(await self._batch(DOCUMENTS_BATCH_MAX, []))
        except ContentRefused:
            return await self._one_by_one()

    async def _batch(self, limit: int, claimed: list[InboundDocument]) -> list[InboundDocument]:
        """Tries up to `limit` documents, which stand in `claimed` also when it raises."""
        async with self._transactions() as transaction:
            claimed += await transaction.documents.claim_received(limit)
            if not claimed:
                return claimed
            await self._fault_point("connectors.documents_claimed")
            try:
                await self._translate.translate(transaction, claimed)
            except FactsToldMeanwhile:
                # Nothing was kept; the next round sees what the other replica told.
                return claimed
            await self._fault_point("connectors.documents_translated")
            await transaction.commit()
            await self._fault_point("connectors.translation_committed")
            return claimed

    async def _one_by_one(self) -> int:
        """After a batch the store refused: the document at fault is parked, all others pass.

        Without this, one odd document would hold up everything that comes after it for ever.
        """
        for tried in range(DOCUMENTS_BATCH_MAX):
            claimed: list[InboundDocument] = []
            try:
                if not await self._batch(1, claimed):
                    return tried
            except ContentRefused as error:
                await self._park(claimed[0], str(error))
        return DOCUMENTS_BATCH_MAX

    async def _park(self, document: InboundDocument, detail: str) -> None:
        async with self._transactions() as transaction:
            found = await transaction.documents.get(document.tenant, document.id, lock=True)
            if found.state is DocumentState.RECEIVED:
                refusal = Refusal(REASON_UNSTORABLE, f"cannot be stored: {detail}")
                await transaction.documents.save([found.parked(refusal, self._clock.now())])
                await transaction.commit()
