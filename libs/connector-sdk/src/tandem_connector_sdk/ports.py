"""What a connector can implement: one small Protocol per capability.

Translators and verifiers are pure: no I/O, no clock, no randomness, so that a replay gives the
same events. Pollers, pushers and look-ups are async and speak to the outside.
"""

from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from tandem_connector_sdk.documents import (
    Page,
    RawDocument,
    RawRequest,
    SecretSet,
    Translation,
    TranslationContext,
    Verified,
)
from tandem_connector_sdk.models import PaymentCommand, PaymentResult


class SignatureVerifier(Protocol):
    """Tells a genuine webhook from any other, over the raw bytes."""

    def verify(self, request: RawRequest, secrets: SecretSet, now: datetime) -> Verified:
        """Raises SignatureInvalid or WebhookStale."""
        ...


class Translator(Protocol):
    """Turns one document into canonical facts."""

    kinds: ClassVar[frozenset[str]]
    """Kinds it takes: exact topics, or file name patterns such as `*.xml`."""

    def translate(self, document: RawDocument, context: TranslationContext) -> Translation:
        """Raises a DomainError that names the field; the document is parked with it."""
        ...


@runtime_checkable
class Poller(Protocol):
    """Reads a stream of the outside system page by page."""

    streams: ClassVar[frozenset[str]]

    async def page(self, stream: str, cursor: bytes | None, limit: int) -> Page:
        """The page after `cursor`; the same cursor gives at least the same documents.

        Raises a ConnectorError.
        """
        ...


@runtime_checkable
class PaymentPusher(Protocol):
    """Asks a payment provider. Repeating a command with the same id has one effect."""

    actions: ClassVar[frozenset[str]]

    async def push(self, command: PaymentCommand, timeout_seconds: float) -> PaymentResult:
        """Raises a ConnectorError; a decline is a result, not an error."""
        ...


@runtime_checkable
class PaymentLookup(Protocol):
    """Resolves an unknown outcome by our own reference."""

    async def find(self, command: PaymentCommand) -> PaymentResult | None:
        """The result the provider holds for the command, None when it never got it."""
        ...


@runtime_checkable
class Probe(Protocol):
    """A cheap call that shows whether the system answers."""

    async def check(self) -> None:
        """Raises a ConnectorError when it does not."""
        ...
