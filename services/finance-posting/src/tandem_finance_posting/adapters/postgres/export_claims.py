"""Which documents and batches are next: claimed for a time, so that no two replicas send one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.export_documents import (
    BATCH_COLUMNS,
    GROUP_COLUMNS,
    LINE_COLUMNS,
    batch_of,
    document_of,
    group_of_row,
)
from tandem_finance_posting.domain.export_batch import ExportBatch, ExportGroup, GroupState
from tandem_finance_posting.domain.export_batch_lines import ErpDocument, LedgerKey

# A claim that was not settled in time was its process's last: what it sent may have arrived, so
# the document becomes one that is asked for.
_CLAIM = text(f"""
    UPDATE export_group AS g
    SET attempts = g.attempts + 1, due_at = :until,
        state = CASE g.state WHEN 'PENDING' THEN 'SENDING' WHEN 'SENDING' THEN 'UNKNOWN'
                     ELSE g.state END
    FROM (SELECT x.tenant, x.batch_id, x.number, x.generation FROM export_group AS x
          JOIN export_batch AS b ON b.tenant = x.tenant AND b.id = x.batch_id
          WHERE x.due_at <= :now AND b.state NOT IN ('BUILDING', 'SEALED')
          ORDER BY x.due_at LIMIT :rows FOR UPDATE OF x SKIP LOCKED) AS due
    WHERE g.tenant = due.tenant AND g.batch_id = due.batch_id AND g.number = due.number
      AND g.generation = due.generation
    RETURNING g.tenant, g.batch_id::text AS batch, {
    ", ".join(f"g.{name.strip()}" for name in GROUP_COLUMNS.split(","))
}
""")
_BATCHES = text(f"""
    SELECT {BATCH_COLUMNS} FROM export_batch
    WHERE (tenant, id) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])))
""")
_LINES = text(f"""
    SELECT tenant, batch_id::text AS batch, group_number, {LINE_COLUMNS} FROM export_line
    WHERE (tenant, batch_id, group_number, generation) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]),
                             CAST(:numbers AS integer[]), CAST(:generations AS integer[])))
    ORDER BY number
""")
_WITH_NEWS = text("""
    SELECT s.tenant, s.legal_entity, s.book FROM journal_sequence AS s
    LEFT JOIN export_ledger AS e USING (tenant, legal_entity, book)
    WHERE s.book <> ALL(CAST(:never AS text[])) AND (
        s.last > coalesce(e.last_sequence, 0)
        OR EXISTS (SELECT FROM export_hold AS h
                   WHERE h.tenant = s.tenant AND h.legal_entity = s.legal_entity
                     AND h.book = s.book AND (h.state = 'RELEASED' OR h.state = 'HELD'
                     AND h.map_version <> coalesce((
                         SELECT m.version FROM account_map AS m
                         WHERE m.tenant = h.tenant AND m.state = 'ACTIVE'), 0))))
    ORDER BY 1, 2, 3 LIMIT :rows
""")
_IN_STATE = text("""
    SELECT tenant, id::text FROM export_batch WHERE state = :state
    ORDER BY built_at LIMIT :rows
""")


@dataclass(frozen=True)
class Claim:
    """A document this process alone sends or asks for, until its time is over."""

    batch: ExportBatch
    group: ExportGroup
    document: ErpDocument

    @property
    def asks(self) -> bool:
        """True when the ERP is asked, false when the document is sent."""
        return self.group.state is not GroupState.SENDING


async def claim(
    connection: AsyncConnection, now: datetime, hold: timedelta, rows: int
) -> list[Claim]:
    """Takes up to ``rows`` due documents for the time ``hold``."""
    arguments = {"now": now, "until": now + hold, "rows": rows}
    found = (await connection.execute(_CLAIM, arguments)).mappings().all()
    if not found:
        return []
    keys = [(row["tenant"], row["batch"]) for row in found]
    groups = [group_of_row(row) for row in found]
    batches = await _batches(connection, keys)
    lines = await _lines(connection, keys, groups)
    claims = []
    for key, group in zip(keys, groups, strict=True):
        batch = batches[key]
        document = document_of(batch.ledger, group, lines.get((*key, group.number), ()))
        claims.append(Claim(batch, group, document))
    return claims


async def ledgers_with_news(
    connection: AsyncConnection, never: Sequence[str], rows: int
) -> list[LedgerKey]:
    """Ledgers with journals no build has looked at, or with held ones that may go now."""
    found = await connection.execute(_WITH_NEWS, {"never": list(never), "rows": rows})
    return [LedgerKey(*row) for row in found]


async def batches_in(connection: AsyncConnection, state: str, rows: int) -> list[tuple[str, str]]:
    """Tenant and id of batches in a state, oldest first."""
    found = await connection.execute(_IN_STATE, {"state": state, "rows": rows})
    return [(row[0], row[1]) for row in found]


async def _batches(
    connection: AsyncConnection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], ExportBatch]:
    arguments = {"tenants": [key[0] for key in keys], "ids": [key[1] for key in keys]}
    found = (await connection.execute(_BATCHES, arguments)).mappings()
    return {(row["tenant"], row["id"]): batch_of(row) for row in found}


async def _lines(
    connection: AsyncConnection, keys: Sequence[tuple[str, str]], groups: Sequence[ExportGroup]
) -> dict[tuple[str, str, int], list[RowMapping]]:
    arguments = {
        "tenants": [key[0] for key in keys],
        "ids": [key[1] for key in keys],
        "numbers": [group.number for group in groups],
        "generations": [group.generation for group in groups],
    }
    lines: dict[tuple[str, str, int], list[RowMapping]] = {}
    for row in (await connection.execute(_LINES, arguments)).mappings():
        lines.setdefault((row["tenant"], row["batch"], row["group_number"]), []).append(row)
    return lines
