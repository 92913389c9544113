"""Raw documents as rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.errors import NotFound

from tandem_connectors.application.ports import DocumentPage
from tandem_connectors.domain.inbound_document import DocumentState, InboundDocument, Refusal

_COLUMNS = """
    id::text, tenant, connection_id, connector, kind, source_id,
    coalesce(event_key, '') AS event_key,
    payload, repaired_payload, sha256, state, reason, detail, field, event_count, findings,
    attempts, carrier, trace_id, note, received_at, updated_at,
    octet_length(coalesce(repaired_payload, payload)) AS size_bytes
"""
_WITHOUT_PAYLOAD = _COLUMNS.replace(
    "    payload, repaired_payload,", "    ''::bytea AS payload, NULL::bytea AS repaired_payload,"
)

# Both names are unique; a repeat by either finds the first document.
_ADD = text("""
    INSERT INTO inbound_document (id, tenant, connection_id, connector, kind, source_id, event_key,
        payload, sha256, state, carrier, trace_id, received_at, updated_at)
    VALUES (CAST(:id AS uuid), :tenant, :connection_id, :connector, :kind, :source_id,
        nullif(:event_key, ''), :payload, :sha256, :state, CAST(:carrier AS jsonb), :trace_id,
        :received_at, :updated_at)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_BEFORE = text(f"""
    SELECT {_COLUMNS} FROM inbound_document
    WHERE tenant = :tenant AND connection_id = :connection_id
      AND (source_id = :source_id OR event_key = nullif(:event_key, ''))
    ORDER BY source_id = :source_id DESC LIMIT 1
""")
_CLAIM = text(f"""
    SELECT {_COLUMNS} FROM inbound_document WHERE state = 'RECEIVED'
    ORDER BY received_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
_GET = f"SELECT {_COLUMNS} FROM inbound_document WHERE tenant = :tenant AND id = CAST(:id AS uuid)"
_PAGE = f"""
    SELECT {_WITHOUT_PAYLOAD} FROM inbound_document WHERE tenant = :tenant
"""
_SAVE = text("""
    UPDATE inbound_document AS stored
    SET state = new.state, reason = new.reason, detail = new.detail, field = new.field,
        event_count = new.event_count, attempts = new.attempts, note = new.note,
        findings = ARRAY(SELECT jsonb_array_elements_text(new.findings)),
        repaired_payload = new.repaired_payload, updated_at = new.updated_at
    FROM unnest(CAST(:id AS uuid[]), CAST(:state AS text[]), CAST(:reason AS text[]),
                CAST(:detail AS text[]), CAST(:field AS text[]), CAST(:event_count AS int[]),
                CAST(:attempts AS int[]), CAST(:note AS text[]), CAST(:findings AS jsonb[]),
                CAST(:repaired_payload AS bytea[]), CAST(:updated_at AS timestamptz[]))
         AS new (id, state, reason, detail, field, event_count, attempts, note, findings,
                 repaired_payload, updated_at)
    WHERE stored.id = new.id
""")


class DocumentRows:
    """The port `Documents` on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, document: InboundDocument) -> InboundDocument | None:
        """Stores it, or returns the one that was there before."""
        values = {
            "id": document.id,
            "tenant": document.tenant,
            "connection_id": document.connection_id,
            "connector": document.connector,
            "kind": document.kind,
            "source_id": document.source_id,
            "event_key": document.event_key,
            "payload": document.payload,
            "sha256": document.sha256,
            "state": document.state.value,
            "carrier": json.dumps(dict(document.carrier)),
            "trace_id": document.trace_id,
            "received_at": document.received_at,
            "updated_at": document.updated_at,
        }
        if (await self._connection.execute(_ADD, values)).first() is not None:
            return None
        names = {k: values[k] for k in ("tenant", "connection_id", "source_id", "event_key")}
        found = (await self._connection.execute(_BEFORE, names)).mappings().one()
        return to_document(found)

    async def claim_received(self, limit: int) -> list[InboundDocument]:
        """The oldest ones nobody else holds."""
        rows = (await self._connection.execute(_CLAIM, {"limit": limit})).mappings()
        return [to_document(row) for row in rows]

    async def get(self, tenant: str, document_id: str, *, lock: bool) -> InboundDocument:
        """Raises NotFound."""
        statement = text(_GET + (" FOR UPDATE" if lock else ""))
        found = await self._connection.execute(statement, {"tenant": tenant, "id": document_id})
        row = found.mappings().first()
        if row is None:
            raise NotFound("inbound_document", document_id)
        return to_document(row)

    async def page(self, page: DocumentPage) -> list[InboundDocument]:
        """A page, newest first, without payloads."""
        values: dict[str, Any] = {"tenant": page.tenant, "limit": page.limit}
        statement = _PAGE
        if page.state is not None:
            statement += f" AND state = '{page.state.value}'"
        if page.connection_id:
            statement += " AND connection_id = :connection_id"
            values["connection_id"] = page.connection_id
        if page.after is not None:
            statement += " AND (received_at, id) < (:after_time, CAST(:after_id AS uuid))"
            values["after_time"], values["after_id"] = page.after
        statement += " ORDER BY received_at DESC, id DESC LIMIT :limit"
        rows = (await self._connection.execute(text(statement), values)).mappings()
        return [to_document(row) for row in rows]

    async def save(self, documents: Sequence[InboundDocument]) -> None:
        """Writes state and outcome of all in one statement."""
        if not documents:
            return
        values = {
            "id": [d.id for d in documents],
            "state": [d.state.value for d in documents],
            "reason": [d.refusal.reason for d in documents],
            "detail": [d.refusal.detail for d in documents],
            "field": [d.refusal.field for d in documents],
            "event_count": [d.event_count for d in documents],
            "attempts": [d.attempts for d in documents],
            "note": [d.note for d in documents],
            "findings": [json.dumps(list(d.findings)) for d in documents],
            "repaired_payload": [d.repaired_payload for d in documents],
            "updated_at": [d.updated_at for d in documents],
        }
        await self._connection.execute(_SAVE, values)


def to_document(row: Mapping[Any, Any]) -> InboundDocument:
    """A document from its row."""
    return InboundDocument(
        id=row["id"],
        tenant=row["tenant"],
        connection_id=row["connection_id"],
        connector=row["connector"],
        kind=row["kind"],
        source_id=row["source_id"],
        event_key=row["event_key"],
        payload=bytes(row["payload"]),
        repaired_payload=None
        if row["repaired_payload"] is None
        else bytes(row["repaired_payload"]),
        sha256=row["sha256"],
        state=DocumentState(row["state"]),
        refusal=Refusal(row["reason"], row["detail"], row["field"]),
        event_count=row["event_count"],
        findings=tuple(row["findings"]),
        attempts=row["attempts"],
        carrier=row["carrier"],
        trace_id=row["trace_id"],
        note=row["note"],
        received_at=row["received_at"],
        updated_at=row["updated_at"],
        size_bytes=row["size_bytes"],
    )
