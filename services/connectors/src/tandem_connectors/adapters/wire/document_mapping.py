"""Documents and connections as messages of the contract."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from tandem.connector.v1 import connection_service_pb2, inbound_document_pb2
from tandem.connector.v1.inbound_document_pb2 import InboundDocument as Message

from tandem_connectors.adapters.postgres.connection_rows import ConnectionFigures
from tandem_connectors.application.connection_book import Configured
from tandem_connectors.domain.inbound_document import DocumentState, InboundDocument


def to_message(
    document: InboundDocument, *, with_payload: bool = False
) -> inbound_document_pb2.InboundDocument:
    """Shows a document; the payload only on request, since it holds personal data."""
    return Message(
        id=document.id,
        connection_id=document.connection_id,
        connector=document.connector,
        kind=document.kind,
        source_id=document.source_id,
        state=Message.State.Value(f"STATE_{document.state}"),
        reason=document.refusal.reason,
        detail=document.refusal.detail,
        field=document.refusal.field,
        size_bytes=document.size_bytes,
        sha256=document.sha256,
        receive_time=_time(document.received_at),
        update_time=_time(document.updated_at),
        event_count=document.event_count,
        findings=document.findings,
        attempts=document.attempts,
        trace_id=document.trace_id,
        payload=document.body if with_payload else b"",
    )


def to_state(value: int) -> DocumentState | None:
    """The state of a filter; None for the unset one."""
    name = Message.State.Name(Message.State.ValueType(value)).removeprefix("STATE_")
    return DocumentState(name) if name in DocumentState.__members__ else None


def to_connection(
    configured: Configured, figures: ConnectionFigures
) -> connection_service_pb2.Connection:
    """Shows a connection; a parked command makes it unhealthy until somebody looked."""
    detail = figures.detail
    if not detail and figures.parked_commands:
        detail = f"{figures.parked_commands} commands were given up"
    return connection_service_pb2.Connection(
        id=configured.connection.id,
        connector=configured.plugin.manifest.translator,
        capabilities=configured.plugin.manifest.capabilities,
        documents_by_state=figures.documents_by_state,
        pending_commands=figures.pending_commands,
        healthy=not detail,
        detail=detail,
    )


def _time(instant: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp
