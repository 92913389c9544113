"""Raw payloads on their way in, and what a translation makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tandem_connector_sdk.models import Canonical


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A webhook byte for byte; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecretSet:
    """The secrets that may have signed: the current one first, then those being rotated out."""

    values: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """A webhook that is what it says. `delivery_id` repeats on redelivery of the same hook,
    `event_id` repeats over all hooks of one event; empty when the source has none."""

    topic: str
    delivery_id: str
    event_id: str = ""
    occur_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A stored payload. `kind` is the webhook's topic, the file's name, or a poll's stream."""

    kind: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TranslationContext:
    """What a translation may know beside the document: nothing that changes by itself."""

    connection_id: str
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth knowing that did not prevent translation; never personal data."""

    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Translation:
    """The canonical facts of a document.

    No facts and `ignored` set: understood and without effect here, with the reason why.
    """

    events: tuple[Canonical, ...] = ()
    findings: tuple[Finding, ...] = ()
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a poll. `next_cursor` belongs to the connector; nobody else reads it."""

    documents: tuple[RawDocument, ...]
    next_cursor: bytes
    more: bool
