"""What goes wrong at the edge, and what the runtime is to do about it.

Refusals of a document (DomainError; the document is parked with reason and field):
    DocumentMalformed        DOCUMENT_MALFORMED         not JSON, XML or CSV
    DocumentFieldInvalid     DOCUMENT_FIELD_INVALID     a field is missing or cannot be
    SnapshotIncomplete       SNAPSHOT_INCOMPLETE        a file holds other than it declares
    CodeUnmapped             CODE_UNMAPPED              a code of the source has no mapping
    DocumentKindUnknown      DOCUMENT_KIND_UNKNOWN      no translator
    (and CurrencyUnknown, AmountNotExact, QuantityNotExact of core)
Refusals of a webhook (DomainError; nothing is stored):
    SignatureInvalid         WEBHOOK_SIGNATURE_INVALID
    WebhookStale             WEBHOOK_STALE
Failures of a call out (ConnectorError; the runtime alone decides on a retry):
    RateLimited              wait `retry_after_seconds`, then again
    TemporarilyUnavailable   surely not done; again with back-off
    OutcomeUnknown           perhaps done: look it up by our reference before asking again
    NotAuthorized            suspend the connection; somebody must renew the credentials
    Rejected                 never again as it is
"""

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class DocumentMalformed(DomainError):
    """The payload is not of the syntax its kind has."""

    reason: ClassVar[str] = "DOCUMENT_MALFORMED"
    detail: str
    field: str = ""


@dataclass(eq=False)
class DocumentFieldInvalid(DomainError):
    """A field is missing (`value` empty) or holds what it cannot; `field` is its path."""

    reason: ClassVar[str] = "DOCUMENT_FIELD_INVALID"
    field: str
    value: str = ""
    detail: str = ""


@dataclass(eq=False)
class SnapshotIncomplete(DomainError):
    """The file's own count or sum does not fit its rows; nothing of it may be used."""

    reason: ClassVar[str] = "SNAPSHOT_INCOMPLETE"
    field: str
    declared: str
    found: str


@dataclass(eq=False)
class CodeUnmapped(DomainError):
    """A code of the source means nothing here; it is never guessed."""

    reason: ClassVar[str] = "CODE_UNMAPPED"
    field: str
    value: str


@dataclass(eq=False)
class DocumentKindUnknown(DomainError):
    """The connector has no translator for this kind."""

    reason: ClassVar[str] = "DOCUMENT_KIND_UNKNOWN"
    kind: str


@dataclass(eq=False)
class SignatureInvalid(DomainError):
    """The signature is missing or fits none of the secrets; the body is not trusted."""

    reason: ClassVar[str] = "WEBHOOK_SIGNATURE_INVALID"
    detail: str


@dataclass(eq=False)
class WebhookStale(DomainError):
    """The webhook's own time is further from now than allowed: perhaps a replayed one."""

    reason: ClassVar[str] = "WEBHOOK_STALE"
    age_seconds: int


class ConnectorError(Exception):
    """A call to an outside system failed."""


class RateLimited(ConnectorError):
    """The system asks to be left alone for a while."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"rate limited for {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class TemporarilyUnavailable(ConnectorError):
    """The call surely had no effect; asking again is safe."""


class OutcomeUnknown(ConnectorError):
    """The call may have had its effect although no answer came."""

    def __init__(self, detail: str, reference: str = "") -> None:
        super().__init__(detail)
        self.reference = reference


class NotAuthorized(ConnectorError):
    """The credentials are refused."""


class Rejected(ConnectorError):
    """The system understood and refuses; `reason` is its own code."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
