"""Turns raw documents into canonical facts: state of the document and facts in one transaction.

A document that cannot be translated is parked with its reason; it never holds up its neighbours.
A fact told before is dropped when it is told the same way, and parks its document when it is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tandem_connector_sdk.canonical_json import content_hash
from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.errors import DocumentFieldInvalid
from tandem_connector_sdk.models import Canonical
from tandem_core.clock import Clock
from tandem_core.errors import DomainError

from tandem_connectors.application.connection_book import ConnectionBook
from tandem_connectors.application.ports import (
    Aside,
    EventEncoder,
    Fact,
    FactKey,
    Provenance,
    Traces,
    Transaction,
)
from tandem_connectors.domain.errors import FactConflict
from tandem_connectors.domain.inbound_document import InboundDocument, Refusal

# Larger bodies are translated beside the event loop: a file of 8 MiB takes about a second.
BODY_BYTES_INLINE_MAX = 64 * 1024
# Names are in indexes, whose entries are bounded; longer ones are an attack or a broken file.
KEY_CHARACTERS_MAX = 500


class UnexpectedFailure(DomainError):
    """A fault of the translation itself, not of the document; named without inside text."""

    reason = "INTERNAL"

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.detail = type(error).__name__


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A document, and the facts it tells or why it tells none."""

    document: InboundDocument
    facts: tuple[Fact, ...] = ()
    findings: tuple[str, ...] = ()
    ignored: str = ""
    refusal: Refusal | None = None


class TranslateDocuments:
    """Translates documents that are locked in the caller's transaction."""

    def __init__(
        self,
        book: ConnectionBook,
        encoder: EventEncoder,
        traces: Traces,
        clock: Clock,
        aside: Aside,
    ) -> None:
        self._aside = aside
        self._book = book
        self._encoder = encoder
        self._traces = traces
        self._clock = clock

    async def translate(
        self, transaction: Transaction, documents: Sequence[InboundDocument]
    ) -> list[InboundDocument]:
        """The documents afterwards; raises FactsToldMeanwhile."""
        attempts = [await self._attempt(document) for document in documents]
        keys = sorted({fact.key for attempt in attempts for fact in attempt.facts})
        told = dict(await transaction.facts.known(keys))
        fresh: list[Fact] = []
        after = [self._settle(attempt, told, fresh) for attempt in attempts]
        await transaction.facts.record(fresh)
        await transaction.documents.save(after)
        return after

    async def _attempt(self, document: InboundDocument) -> _Attempt:
        with self._traces.following(f"translate {document.kind}", document.carrier):
            carrier = self._traces.carrier()
            try:
                if len(document.body) > BODY_BYTES_INLINE_MAX:
                    return await self._aside(lambda: self._facts_of(document, carrier))
                return self._facts_of(document, carrier)
            except DomainError as error:
                return _Attempt(document, refusal=Refusal.of(error))
            except Exception as error:  # noqa: BLE001  # any fault of a connector parks one document
                return _Attempt(document, refusal=Refusal.of(UnexpectedFailure(error)))

    def _facts_of(self, document: InboundDocument, carrier: Mapping[str, str]) -> _Attempt:
        configured = self._book.get(document.connection_id)
        plugin = configured.plugin
        context = TranslationContext(document.connection_id, configured.connection.settings)
        translation = plugin.translator_for(document.kind).translate(
            RawDocument(document.kind, document.body), context
        )
        provenance = Provenance(
            document.tenant,
            document.connection_id,
            document.id,
            plugin.manifest.translator,
            _told(translation),
        )
        facts = tuple(self._fact(event, provenance, carrier) for event in translation.events)
        return _Attempt(document, facts, _told(translation), translation.ignored)

    def _fact(self, event: Canonical, provenance: Provenance, carrier: Mapping[str, str]) -> Fact:
        return fact_of(event, self._encoder, provenance, self._clock, carrier)

    def _settle(
        self, attempt: _Attempt, told: dict[FactKey, str], fresh: list[Fact]
    ) -> InboundDocument:
        now = self._clock.now()
        refusal = attempt.refusal or _conflict(attempt, told)
        if refusal:
            return attempt.document.parked(refusal, now)
        if attempt.ignored:
            return attempt.document.ignored(attempt.ignored, attempt.findings, now)
        new = [fact for fact in attempt.facts if fact.key not in told]
        told.update({fact.key: fact.content_hash for fact in new})
        fresh += new
        findings = list(attempt.findings)
        if len(new) < len(attempt.facts):
            findings.append(f"TOLD_BEFORE: {len(attempt.facts) - len(new)}")
        return attempt.document.translated(len(new), findings, now)


def fact_of(
    event: Canonical,
    encoder: EventEncoder,
    provenance: Provenance,
    clock: Clock,
    carrier: Mapping[str, str],
) -> Fact:
    """A canonical fact made ready for the journal; raises ValidationFailed or
    DocumentFieldInvalid."""
    if len(event.event_key) > KEY_CHARACTERS_MAX:
        raise DocumentFieldInvalid("event_key", event.event_key, "a name in it is too long")
    return Fact(
        key=FactKey(provenance.tenant, provenance.connection_id, event.event_key),
        aggregate_type=event.aggregate_type,
        aggregate_id=aggregate_id_of(event, provenance.connection_id),
        content_hash=content_hash(event),
        encoded=encoder.encode(event, provenance),
        document_id=provenance.document_id,
        occurred_at=clock.now(),
        carrier=carrier,
    )


def aggregate_id_of(event: Canonical, connection_id: str) -> str:
    """`<connection>|<key>`; a payment command's own id, which is ours and unique already."""
    if event.aggregate_type == "payment_command":
        return event.aggregate_key
    return f"{connection_id}|{event.aggregate_key}"


def _told(translation: Translation) -> tuple[str, ...]:
    return tuple(str(finding) for finding in translation.findings)


def _conflict(attempt: _Attempt, told: Mapping[FactKey, str]) -> Refusal | None:
    """The first fact that was told before with other content."""
    for fact in attempt.facts:
        if told.get(fact.key, fact.content_hash) != fact.content_hash:
            return Refusal.of(FactConflict(attempt.document.source_id, fact.key.event_key))
    return None
