"""Reads a provider's list page by page; facts and the cursor move in one transaction."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from tandem_connector_sdk.documents import Page, RawDocument
from tandem_connector_sdk.errors import ConnectorError
from tandem_connector_sdk.ports import Poller
from tandem_core.clock import Clock
from tandem_core.ids import deterministic_id

from tandem_connectors.application.connection_book import Configured
from tandem_connectors.application.ports import (
    CursorMove,
    FactsToldMeanwhile,
    FaultPoint,
    Traces,
    Transaction,
    Transactions,
)
from tandem_connectors.application.translate_documents import TranslateDocuments
from tandem_connectors.domain.inbound_document import InboundDocument

PAGE_ROWS_MAX = 100
PAGES_PER_ROUND_MAX = 20


@dataclass(frozen=True, slots=True)
class PollParts:
    """What polling needs beside the connection."""

    translate: TranslateDocuments
    traces: Traces
    clock: Clock
    fault_point: FaultPoint


class PollProvider:
    """One stream of one connection."""

    def __init__(
        self,
        transactions: Transactions,
        parts: PollParts,
        configured: Configured,
        poller: Poller,
        stream: str,
    ) -> None:
        self._transactions = transactions
        self._parts = parts
        self._configured = configured
        self._poller = poller
        self._stream = stream

    async def round(self) -> None:
        """Reads pages until there are no more, at most PAGES_PER_ROUND_MAX."""
        for _ in range(PAGES_PER_ROUND_MAX):
            if not await self._page():
                return

    async def _page(self) -> bool:
        """True when there is more to read at once."""
        connection_id = self._configured.connection.id
        async with self._transactions() as transaction:
            before = await transaction.cursors.get(connection_id, self._stream)
        try:
            page = await self._poller.page(self._stream, before, PAGE_ROWS_MAX)
        except ConnectorError as error:
            await self._note(f"{type(error).__name__}: {error}")
            return False
        await self._note("")
        if not page.documents and page.next_cursor == (before or b""):
            return False
        return await self._keep(before, page) and page.more

    async def _keep(self, before: bytes | None, page: Page) -> bool:
        move = CursorMove(self._configured.connection.id, self._stream, before, page.next_cursor)
        carrier: Mapping[str, str] = {}
        with self._parts.traces.following(f"poll {self._stream}", carrier):
            async with self._transactions() as transaction:
                if not await transaction.cursors.move(move):
                    return False
                try:
                    await self._translate(transaction, page)
                except FactsToldMeanwhile:
                    return False
                await self._parts.fault_point("connectors.page_before_commit")
                await transaction.commit()
        return True

    async def _translate(self, transaction: Transaction, page: Page) -> None:
        """Pages are kept as documents too: what cannot be translated is parked like any other."""
        for raw in page.documents:
            document = self._document(raw)
            if await transaction.documents.add([document]) == [None]:
                await self._parts.translate.translate(transaction, [document])

    def _document(self, raw: RawDocument) -> InboundDocument:
        connection, now = self._configured.connection, self._parts.clock.now()
        digest = hashlib.sha256(raw.body).hexdigest()
        return InboundDocument(
            id=deterministic_id("polled", connection.id, self._stream, digest),
            tenant=connection.tenant,
            connection_id=connection.id,
            connector=connection.connector,
            kind=raw.kind,
            source_id=f"{self._stream}|{digest}",
            event_key="",
            payload=raw.body,
            sha256=digest,
            size_bytes=len(raw.body),
            received_at=now,
            updated_at=now,
            carrier=self._parts.traces.carrier(),
            trace_id=self._parts.traces.trace_id(),
        )

    async def _note(self, detail: str) -> None:
        async with self._transactions() as transaction:
            await transaction.health.note(self._configured.connection.id, detail)
            await transaction.commit()
