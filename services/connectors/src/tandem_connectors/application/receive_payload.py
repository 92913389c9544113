"""Takes raw payloads in: verified, stored, answered; translation follows.

Only the store is waited for. A source that gets no answer sends again, and finds its first
delivery: by its delivery id, or by the event behind it.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tandem_connector_sdk.documents import RawRequest
from tandem_connector_sdk.errors import DocumentKindUnknown
from tandem_core.clock import Clock
from tandem_core.ids import IdFactory

from tandem_connectors.application.connection_book import Configured, ConnectionBook
from tandem_connectors.application.ports import Traces
from tandem_connectors.domain.errors import ConnectionUnknown, DeliveryConflict
from tandem_connectors.domain.inbound_document import InboundDocument


@dataclass(frozen=True, slots=True)
class Received:
    """The stored document, and whether the source had delivered it before."""

    document: InboundDocument
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """Names of a payload: what it is, which delivery, which event behind it."""

    kind: str
    source_id: str
    event_key: str = ""


NAME_CHARACTERS_MAX = 200

Store = Callable[[InboundDocument], Awaitable[InboundDocument | None]]
"""Stores a document; gives the one that was there before, else None."""


class ReceivePayload:
    """Takes webhooks and files."""

    def __init__(
        self,
        store: Store,
        book: ConnectionBook,
        traces: Traces,
        clock: Clock,
        ids: IdFactory,
    ) -> None:
        self._store_one = store
        self._book = book
        self._traces = traces
        self._clock = clock
        self._ids = ids

    async def webhook(self, connection_id: str, request: RawRequest) -> Received:
        """Raises ConnectionUnknown, SignatureInvalid, WebhookStale or DeliveryConflict."""
        configured = self._book.get(connection_id)
        verifier = configured.plugin.verifier
        if verifier is None:
            raise ConnectionUnknown(connection_id)
        verified = verifier.verify(request, configured.secrets, self._clock.now())
        if not verified.topic:
            raise DocumentKindUnknown("")
        event_key = f"{verified.topic}|{verified.event_id}" if verified.event_id else ""
        arrival = Arrival(verified.topic, _bounded(verified.delivery_id), _bounded(event_key))
        return await self._store(configured, arrival, request.body)

    async def file(
        self, connection_id: str, tenant: str, file_name: str, content: bytes
    ) -> Received:
        """Raises ConnectionUnknown, also for another tenant's connection."""
        configured = self._book.get(connection_id)
        if configured.connection.tenant != tenant:
            raise ConnectionUnknown(connection_id)
        digest = hashlib.sha256(content).hexdigest()
        arrival = Arrival(file_name, f"{file_name}|{digest}")
        return await self._store(configured, arrival, content)

    async def _store(self, configured: Configured, arrival: Arrival, body: bytes) -> Received:
        document = self._document(configured, arrival, body)
        before = await self._store_one(document)
        if before is None:
            return Received(document, duplicate=False)
        if before.source_id == document.source_id and before.sha256 != document.sha256:
            raise DeliveryConflict(document.source_id)
        return Received(before, duplicate=True)

    def _document(self, configured: Configured, arrival: Arrival, body: bytes) -> InboundDocument:
        now = self._clock.now()
        return InboundDocument(
            id=self._ids.new_id(),
            tenant=configured.connection.tenant,
            connection_id=configured.connection.id,
            connector=configured.connection.connector,
            kind=arrival.kind,
            source_id=arrival.source_id,
            event_key=arrival.event_key,
            payload=body,
            sha256=hashlib.sha256(body).hexdigest(),
            size_bytes=len(body),
            received_at=now,
            updated_at=now,
            carrier=self._traces.carrier(),
            trace_id=self._traces.trace_id(),
        )


def _bounded(name: str) -> str:
    """A name of the source as it is, or its hash when no index could hold it."""
    if len(name) <= NAME_CHARACTERS_MAX:
        return name
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
