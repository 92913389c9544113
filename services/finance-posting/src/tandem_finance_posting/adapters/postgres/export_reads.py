"""Reads of exporting without locks: lists, documents, what is not acknowledged yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.errors import NotFound
from tandem_platform.database import Database

from tandem_finance_posting.adapters.postgres.account_map_rows import map_version
from tandem_finance_posting.adapters.postgres.export_documents import (
    BATCH_COLUMNS,
    GROUP_COLUMNS,
    LINE_COLUMNS,
    batch_of,
    document_of,
    group_of_row,
    journal_of,
    line_of,
)
from tandem_finance_posting.adapters.postgres.export_rows import JOURNAL_COLUMNS
from tandem_finance_posting.application.explain_export_line import LineMembers, explained
from tandem_finance_posting.application.seal_export_batch import mapped_journals
from tandem_finance_posting.domain.export_batch import ExportBatch, ExportGroup
from tandem_finance_posting.domain.export_batch_lines import (
    ErpDocument,
    ErpLine,
)

Position = Sequence[str | int] | None

_LIST = text(f"""
    SELECT {BATCH_COLUMNS} FROM export_batch
    WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity)
      AND (:book = '' OR book = :book) AND (:state = '' OR state = :state)
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (built_at, id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY built_at DESC, id DESC LIMIT :rows
""")
_ONE = text(f"""
    SELECT {BATCH_COLUMNS} FROM export_batch WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")
_GROUPS = text(f"""
    SELECT {GROUP_COLUMNS} FROM export_group
    WHERE tenant = :tenant AND batch_id = CAST(:id AS uuid) ORDER BY number, generation
""")
_TOLD = text("""
    SELECT count(*) FILTER (WHERE state = 'ACKED'), count(*) FILTER (WHERE state = 'REJECTED')
    FROM export_member WHERE tenant = :tenant AND batch_id = CAST(:id AS uuid)
""")
_LINES = text(f"""
    SELECT {LINE_COLUMNS} FROM export_line
    WHERE tenant = :tenant AND batch_id = CAST(:id AS uuid) AND group_number = :number
      AND generation = :generation AND number > :after ORDER BY number LIMIT :rows
""")
_HOLDS = text("""
    SELECT journal_id::text, legal_entity, book, sequence, accounting_date, code, role, detail,
           hint, map_version, held_at
    FROM export_hold
    WHERE tenant = :tenant AND state <> 'EXPORTED' AND (:entity = '' OR legal_entity = :entity)
      AND (:book = '' OR book = :book)
      AND (legal_entity, book, sequence) > (:after_entity, :after_book, :after_sequence)
    ORDER BY legal_entity, book, sequence LIMIT :rows
""")
# Journals keep the number of the last generation they were in, so an earlier one is made of all
# that came at least as far.
_JOURNALS = text(f"""
    SELECT {JOURNAL_COLUMNS} FROM export_member AS m
    JOIN journal AS j ON j.tenant = m.tenant AND j.id = m.journal_id
    WHERE m.tenant = :tenant AND m.batch_id = CAST(:id AS uuid) AND m.group_number = :number
      AND m.generation >= :generation
    ORDER BY m.sequence
""")
LINES_MAX = 100_000


@dataclass(frozen=True)
class LedgerFilter:
    """Which ledgers; empty fields do not filter."""

    tenant: str
    legal_entity: str = ""
    book: str = ""


class ExportReads:
    """Reads without locks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def batches(
        self, wanted: LedgerFilter, state: str, after: Position, rows: int
    ) -> list[ExportBatch]:
        """A page of batches, newest first; ``after`` is (built_at, id)."""
        arguments: dict[str, Any] = {
            "tenant": wanted.tenant,
            "entity": wanted.legal_entity,
            "book": wanted.book,
            "state": state,
            "after_at": after[0] if after else None,
            "after_id": after[1] if after else None,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            found = await connection.execute(_LIST, arguments)
            return [batch_of(row) for row in found.mappings()]

    async def batch(
        self, tenant: str, batch_id: str
    ) -> tuple[ExportBatch, list[ExportGroup], tuple[int, int]]:
        """A batch, its documents, and how many journals the ERP has and refused.

        Raises NotFound.
        """
        async with self._database.transaction() as connection:
            return await read_batch(connection, tenant, batch_id)

    async def lines(
        self, batch: ExportBatch, group: ExportGroup, after: int, rows: int
    ) -> Sequence[RowMapping]:
        """A page of a document's lines."""
        async with self._database.transaction() as connection:
            return await _lines(connection, batch, group, (after, rows))

    async def document(self, batch: ExportBatch, group: ExportGroup) -> ErpDocument:
        """A document with all its lines, as sealed."""
        async with self._database.transaction() as connection:
            rows = await _lines(connection, batch, group, (0, LINES_MAX))
        return document_of(batch.ledger, group, rows)

    async def line_members(
        self, batch: ExportBatch, group: ExportGroup, number: int
    ) -> tuple[ErpLine, LineMembers]:
        """A line as sealed, and the lines of journals behind it now. Raises NotFound."""
        async with self._database.transaction() as connection:
            rows = await _lines(connection, batch, group, (number - 1, 1))
            if not rows or rows[0]["number"] != number:
                raise NotFound("export_line", str(number))
            place = {"number": group.number, "generation": group.generation}
            arguments = {"tenant": batch.ledger.tenant, "id": batch.id, **place}
            found = (await connection.execute(_JOURNALS, arguments)).mappings()
            journals = [journal_of(row) for row in found]
            version = await map_version(connection, batch.ledger.tenant, batch.map_version)
        mapped = mapped_journals(journals, version.map, batch)
        sealed = line_of(rows[0])
        return sealed, explained(sealed, mapped)

    async def holds(self, wanted: LedgerFilter, after: Position, rows: int) -> Sequence[RowMapping]:
        """A page of held journals; ``after`` is (legal_entity, book, sequence)."""
        entity, book, sequence = after or ("", "", 0)
        arguments = {
            "tenant": wanted.tenant,
            "entity": wanted.legal_entity,
            "book": wanted.book,
            "after_entity": entity,
            "after_book": book,
            "after_sequence": sequence,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            return (await connection.execute(_HOLDS, arguments)).mappings().all()


async def read_batch(
    connection: AsyncConnection, tenant: str, batch_id: str
) -> tuple[ExportBatch, list[ExportGroup], tuple[int, int]]:
    """A batch as this transaction sees it. Raises NotFound."""
    arguments = {"tenant": tenant, "id": batch_id}
    row = (await connection.execute(_ONE, arguments)).mappings().first()
    if row is None:
        raise NotFound("export_batch", batch_id)
    groups = (await connection.execute(_GROUPS, arguments)).mappings().all()
    acked, rejected = (await connection.execute(_TOLD, arguments)).one()
    return batch_of(row), [group_of_row(group) for group in groups], (acked, rejected)


async def _lines(
    connection: AsyncConnection, batch: ExportBatch, group: ExportGroup, page: tuple[int, int]
) -> Sequence[RowMapping]:
    after, rows = page
    arguments = {
        "tenant": batch.ledger.tenant,
        "id": batch.id,
        "number": group.number,
        "generation": group.generation,
        "after": after,
        "rows": rows,
    }
    return (await connection.execute(_LINES, arguments)).mappings().all()
