"""A raw payload from outside and its life.

RECEIVED ──▶ TRANSLATED
    │  └───▶ IGNORED      understood, without effect here
    ▼
  PARKED ──retry──▶ TRANSLATED, IGNORED or PARKED again
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from tandem_connector_sdk.plain_text import storable
from tandem_core.errors import DomainError

from tandem_connectors.domain.errors import DocumentNotParked

DETAIL_CHARACTERS_MAX = 500
FINDINGS_MAX = 100


class DocumentState(StrEnum):
    """Where a document is in its life."""

    RECEIVED = "RECEIVED"
    TRANSLATED = "TRANSLATED"
    PARKED = "PARKED"
    IGNORED = "IGNORED"
    DISCARDED = "DISCARDED"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document was parked: reason of the catalogue, words for people, field of the body."""

    reason: str = ""
    detail: str = ""
    field: str = ""

    @classmethod
    def of(cls, error: DomainError) -> "Refusal":
        """Takes reason and field from a typed error."""
        metadata = error.metadata()
        named = metadata.get("field") or metadata.get("fields", "")
        told = str(error)[:DETAIL_CHARACTERS_MAX]
        return cls(error.reason, storable(told), storable(named))


@dataclass(frozen=True, slots=True)
class InboundDocument:
    """`source_id` names the delivery, `event_key` the source's own event where it has one.

    `carrier` is the trace context of the arrival, opaque here. The payload never changes; a
    repair stands beside it.
    """

    id: str
    tenant: str
    connection_id: str
    connector: str
    kind: str
    source_id: str
    event_key: str
    payload: bytes = field(repr=False)
    sha256: str
    received_at: datetime
    updated_at: datetime
    state: DocumentState = DocumentState.RECEIVED
    refusal: Refusal = Refusal()
    event_count: int = 0
    findings: Sequence[str] = ()
    attempts: int = 0
    carrier: Mapping[str, str] = field(default_factory=dict)
    trace_id: str = ""
    repaired_payload: bytes | None = field(default=None, repr=False)
    note: str = ""
    size_bytes: int = 0

    @property
    def body(self) -> bytes:
        """What is translated: the repair when there is one."""
        return self.payload if self.repaired_payload is None else self.repaired_payload

    def translated(
        self, event_count: int, findings: Sequence[str], now: datetime
    ) -> "InboundDocument":
        """Its facts are in the journal."""
        told = tuple(findings)[:FINDINGS_MAX]
        done = self._tried(DocumentState.TRANSLATED, now)
        return replace(done, event_count=event_count, findings=told)

    def ignored(self, why: str, findings: Sequence[str], now: datetime) -> "InboundDocument":
        """Understood and without effect; `why` is its only finding that counts."""
        told = (why, *findings)[:FINDINGS_MAX]
        return replace(self._tried(DocumentState.IGNORED, now), findings=told)

    def parked(self, refusal: Refusal, now: datetime) -> "InboundDocument":
        """Waits for repair."""
        return replace(self._tried(DocumentState.PARKED, now), refusal=refusal)

    def repaired(self, payload: bytes | None, note: str) -> "InboundDocument":
        """Ready to be translated again; raises DocumentNotParked."""
        if self.state is not DocumentState.PARKED:
            raise DocumentNotParked(self.id, self.state)
        body = self.repaired_payload if payload is None else payload
        return replace(self, repaired_payload=body, note=note)

    def _tried(self, state: DocumentState, now: datetime) -> "InboundDocument":
        return replace(
            self, state=state, refusal=Refusal(), attempts=self.attempts + 1, updated_at=now
        )
