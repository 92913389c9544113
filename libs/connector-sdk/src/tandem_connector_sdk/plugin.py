"""A connector as the runtime sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from tandem_connector_sdk.documents import SecretSet
from tandem_connector_sdk.errors import DocumentKindUnknown
from tandem_connector_sdk.manifest import Manifest
from tandem_connector_sdk.ports import SignatureVerifier, Translator


@dataclass(frozen=True, slots=True)
class Link:
    """What a client needs to reach one connection's system."""

    connection_id: str
    settings: Mapping[str, object]
    secrets: SecretSet = field(repr=False)


class Client(Protocol):
    """A client of the outside system: some of Poller, PaymentPusher, PaymentLookup, Probe."""

    async def close(self) -> None:
        """Lets its connections go."""
        ...


@dataclass(frozen=True)
class Plugin:
    """What the entry point of a connector names; capabilities are what it really has."""

    manifest: Manifest
    translators: tuple[Translator, ...] = ()
    verifier: SignatureVerifier | None = None
    open_client: Callable[[Link], Client] | None = None

    def __post_init__(self) -> None:
        """A manifest that promises what no class does would be found out by a customer."""
        implemented = {kind for translator in self.translators for kind in translator.kinds}
        name = self.manifest.connector
        if implemented != self.manifest.document_kinds:
            differing = sorted(implemented ^ self.manifest.document_kinds)
            raise ValueError(f"{name}: manifest and translators differ in {differing}")
        if (self.manifest.ingress.webhook is None) != (self.verifier is None):
            raise ValueError(f"{name}: webhooks need a verifier, and nothing else does")
        needs_client = bool(self.manifest.egress or self.manifest.ingress.poll)
        if needs_client != (self.open_client is not None):
            raise ValueError(f"{name}: polling and pushing need a client, and nothing else does")

    def translator_for(self, kind: str) -> Translator:
        """The translator of an exact kind, else of a file name pattern.

        Raises DocumentKindUnknown.
        """
        for translator in self.translators:
            if kind in translator.kinds:
                return translator
        for translator in self.translators:
            if any(fnmatchcase(kind, pattern) for pattern in translator.kinds):
                return translator
        raise DocumentKindUnknown(kind)
