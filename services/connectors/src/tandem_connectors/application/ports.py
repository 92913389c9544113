"""What the use cases need of the outside, in their own terms."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from tandem_connector_sdk.models import Canonical

from tandem_connectors.domain.inbound_document import DocumentState, InboundDocument
from tandem_connectors.domain.outbound_command import OutboundCommand

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a fact came from; `document_id` is empty when nothing was stored."""

    tenant: str
    connection_id: str
    document_id: str
    translator: str
    findings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """A fact as bytes of its contract."""

    event_type: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, order=True)
class FactKey:
    """Names a fact: the same one told again, in whatever delivery, has the same key."""

    tenant: str
    connection_id: str
    event_key: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact ready for the journal; `content_hash` tells whether it is told the same way."""

    key: FactKey
    aggregate_type: str
    aggregate_id: str
    content_hash: str
    encoded: EncodedEvent
    document_id: str
    occurred_at: datetime
    carrier: Mapping[str, str] = field(default_factory=dict)


class EventEncoder(Protocol):
    """From canonical fact to contract."""

    def encode(self, event: Canonical, provenance: Provenance) -> EncodedEvent:
        """Raises ValidationFailed naming the fields the contract refuses."""
        ...


class Traces(Protocol):
    """One trace over arrival, translation and calls out."""

    def carrier(self) -> dict[str, str]:
        """The present trace context, to be stored."""
        ...

    def trace_id(self) -> str:
        """The present trace's id; empty when there is none."""
        ...

    def following(self, name: str, carrier: Mapping[str, str]) -> AbstractContextManager[None]:
        """Goes on with a stored trace, in a span of its own."""
        ...


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Which documents to list, newest first, after a position."""

    tenant: str
    state: DocumentState | None
    connection_id: str
    after: tuple[datetime, str] | None
    limit: int


class Documents(Protocol):
    """Raw documents."""

    async def add(self, documents: Sequence[InboundDocument]) -> list[InboundDocument | None]:
        """Stores each; per document the one that was there before under its delivery or event,
        else None."""
        ...

    async def claim_received(self, limit: int) -> list[InboundDocument]:
        """The oldest ones nobody else holds, locked until the transaction ends."""
        ...

    async def get(self, tenant: str, document_id: str, *, lock: bool) -> InboundDocument:
        """Raises NotFound."""
        ...

    async def page(self, page: DocumentPage) -> list[InboundDocument]:
        """A page, without payloads."""
        ...

    async def save(self, documents: Sequence[InboundDocument]) -> None:
        """Writes state and outcome."""
        ...


class Facts(Protocol):
    """What the connectors told so far."""

    async def known(self, keys: Sequence[FactKey]) -> Mapping[FactKey, str]:
        """Content hashes of those told before."""
        ...

    async def record(self, facts: Sequence[Fact]) -> None:
        """Puts new facts into the journal, each with the next version of its aggregate.

        Raises FactsToldMeanwhile when another replica told one of them since `known`.
        """
        ...


class FactsToldMeanwhile(Exception):
    """Another replica was faster; the transaction is to be repeated from its start."""


class ContentRefused(Exception):
    """The store cannot hold what it was given; the same again would be refused again."""


class Commands(Protocol):
    """Payment commands."""

    async def add(self, command: OutboundCommand) -> None:
        """Queues it; a second one with its id changes nothing."""
        ...

    async def claim_due(self, now: datetime, until: datetime, limit: int) -> list[OutboundCommand]:
        """Due ones nobody holds, held until `until`, one attempt more, and uncertain from now.

        The returned commands say what was known before: `uncertain` as it was.
        """
        ...

    async def save(self, commands: Sequence[OutboundCommand]) -> None:
        """Writes state and outcome and gives the holds back."""
        ...


class Cursors(Protocol):
    """How far polls have read."""

    async def get(self, connection_id: str, stream: str) -> bytes | None:
        """The cursor; None before the first page."""
        ...

    async def move(self, at: "CursorMove") -> bool:
        """False when another replica moved it first: then nothing of the page may be kept."""
        ...


@dataclass(frozen=True, slots=True)
class CursorMove:
    """From one position of a stream to the next."""

    connection_id: str
    stream: str
    before: bytes | None
    after: bytes


class HealthNotes(Protocol):
    """How the last call to each connection went."""

    async def note(self, connection_id: str, detail: str) -> None:
        """`detail` is empty when the call worked."""
        ...


class Transaction(Protocol):
    """Everything that becomes true together."""

    @property
    def documents(self) -> Documents:
        """Raw documents."""
        ...

    @property
    def facts(self) -> Facts:
        """Canonical facts."""
        ...

    @property
    def commands(self) -> Commands:
        """Payment commands."""
        ...

    @property
    def cursors(self) -> Cursors:
        """Cursors of polls."""
        ...

    @property
    def health(self) -> HealthNotes:
        """Health of connections."""
        ...

    async def commit(self) -> None:
        """Makes it true; leaving without rolls back."""
        ...


class Transactions(Protocol):
    """Opens transactions; raises ContentRefused out of one."""

    def __call__(self) -> AbstractAsyncContextManager[Transaction]:
        """A new one."""
        ...


class Aside(Protocol):
    """Runs long computations beside the loop, so that rpcs go on."""

    async def __call__(self, compute: Callable[[], T]) -> T:
        """The result, or what `compute` raised."""
        ...


class FaultPoint(Protocol):
    """A named place where tests let the process die."""

    async def __call__(self, name: str) -> None:
        """Passes, unless a test says otherwise."""
        ...
