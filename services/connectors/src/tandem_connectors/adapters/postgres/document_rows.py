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
    SELECT id, tenant, connection_id, connector, kind, source_id, nullif(event_key, ''), payload,
           sha256, state, carrier, trace_id, received_at, updated_at
    FROM unnest(CAST(:id AS uuid[]), CAST(:tenant AS text[]), CAST(:connection_id AS text[]),
                CAST(:connector AS text[]), CAST(:kind AS text[]), CAST(:source_id AS text[]),
                CAST(:event_key AS text[]), CAST(:payload AS bytea[]), CAST(:sha256 AS text[]),
                CAST(:state AS text[]), CAST(:carrier AS jsonb[]), CAST(:trace_id AS text[]),
                CAST(:received_at AS timestamptz[]), CAST(:updated_at AS timestamptz[]))
         AS new (id, tenant, connection_id, connector, kind, source_id, event_key, payload, sha256,
                 state, carrier, trace_id, received_at, updated_at)
    ORDER BY tenant, connection_id, source_id
    ON CONFLICT DO NOTHING
    RETURNING id::text
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

    async def add(self, documents: Sequence[InboundDocument]) -> list[InboundDocument | None]:
        """Stores all in one statement; of two that share a name the first one wins."""
        stored = set((await self._connection.execute(_ADD, _columns_of(documents))).scalars())
        return [None if d.id in stored else await self._before(d) for d in documents]

    async def _before(self, document: InboundDocument) -> InboundDocument:
        names = {
            "tenant": document.tenant,
            "connection_id": document.connection_id,
            "source_id": document.source_id,
            "event_key": document.event_key,
        }
        return to_document((await self._connection.execute(_BEFORE, names)).mappings().one())

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


def _columns_of(documents: Sequence[InboundDocument]) -> dict[str, Any]:
    return {
        "id": [d.id for d in documents],
        "tenant": [d.tenant for d in documents],
        "connection_id": [d.connection_id for d in documents],
        "connector": [d.connector for d in documents],
        "kind": [d.kind for d in documents],
        "source_id": [d.source_id for d in documents],
        "event_key": [d.event_key for d in documents],
        "payload": [d.payload for d in documents],
        "sha256": [d.sha256 for d in documents],
        "state": [d.state.value for d in documents],
        "carrier": [json.dumps(dict(d.carrier)) for d in documents],
        "trace_id": [d.trace_id for d in documents],
        "received_at": [d.received_at for d in documents],
        "updated_at": [d.updated_at for d in documents],
    }


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
