"""Reads of the books: journals and finance events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_platform.database import Database

Position = Sequence[str | int] | None

_COLUMNS = """
    id::text, sequence, legal_entity, book, event_key, event_type, purpose, generation,
    original_date, accounting_date, recorded_at, rule_set, rule_id, order_id, currency_code,
    trace_id, link_id, reverses_journal_id::text, functional_currency_code, late_reason, approvals
"""
_LIST = text(f"""
    SELECT {_COLUMNS} FROM journal
    WHERE tenant = :tenant AND (:order_id = '' OR order_id = :order_id)
      AND (:event_type = '' OR event_type = :event_type)
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (recorded_at, id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY recorded_at DESC, id DESC LIMIT :rows
""")
_ONE = text(f"SELECT {_COLUMNS} FROM journal WHERE tenant = :tenant AND id = CAST(:id AS uuid)")
_AFTER = text(f"""
    SELECT {_COLUMNS} FROM journal
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book AND sequence > :after
    ORDER BY sequence LIMIT :rows
""")
_LINES = text("""
    SELECT journal_id::text, number, role, side, amount_minor, currency_code, dimensions, rule_line,
           functional_minor
    FROM journal_line WHERE tenant = :tenant AND journal_id = ANY(CAST(:ids AS uuid[]))
    ORDER BY journal_id, number
""")
_EVENT_COLUMNS = """
    SELECT e.event_key, e.event_type, e.state, e.legal_entity, e.original_date, e.order_id,
           e.currency_code, e.hold_gate, e.hold_detail, e.accepted_at, e.posted_at,
           e.facts::text AS facts, e.accepted_no,
           ARRAY(SELECT j.id::text FROM journal j
                 WHERE j.tenant = e.tenant AND j.event_key = e.event_key) AS journal_ids
    FROM finance_event e
"""
_EVENTS = text(f"""
    {_EVENT_COLUMNS} WHERE e.tenant = :tenant AND (:state = '' OR e.state = :state)
      AND (:order_id = '' OR e.order_id = :order_id)
      AND (CAST(:after AS bigint) IS NULL OR e.accepted_no < :after)
    ORDER BY e.accepted_no DESC LIMIT :rows
""")
_EVENT = text(f"{_EVENT_COLUMNS} WHERE e.tenant = :tenant AND e.event_key = :key")
_OF_EVENT = text(f"""
    SELECT {_COLUMNS} FROM journal
    WHERE tenant = :tenant AND (event_key = :key OR id = ANY(CAST(:ids AS uuid[])))
    ORDER BY sequence
""")
_FACTS = text("""
    SELECT facts::text FROM finance_event WHERE tenant = :tenant AND event_key = :key
""")


@dataclass(frozen=True)
class JournalRow:
    """A journal as stored, with its lines."""

    journal: RowMapping
    lines: tuple[RowMapping, ...]


@dataclass(frozen=True)
class JournalFilter:
    """Which journals; empty fields do not filter."""

    tenant: str
    order_id: str = ""
    event_type: str = ""


class LedgerReadModels:
    """Reads without locks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def journals(self, wanted: JournalFilter, after: Position, rows: int) -> list[JournalRow]:
        """A page of journals, newest first; ``after`` is (recorded_at, id)."""
        arguments: dict[str, Any] = {
            "tenant": wanted.tenant,
            "order_id": wanted.order_id,
            "event_type": wanted.event_type,
            "after_at": after[0] if after else None,
            "after_id": after[1] if after else None,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            found = (await connection.execute(_LIST, arguments)).mappings().all()
            return await _with_lines(connection, wanted.tenant, found)

    async def journal(self, tenant: str, journal_id: str) -> JournalRow | None:
        """One journal, or None."""
        async with self._database.transaction() as connection:
            return await journal_of(connection, tenant, journal_id)

    async def journals_after(
        self, ledger: tuple[str, str, str], sequence: int, rows: int
    ) -> list[JournalRow]:
        """Journals of a ledger (tenant, entity, book) behind a number, in order."""
        tenant, entity, book = ledger
        arguments = {
            "tenant": tenant,
            "entity": entity,
            "book": book,
            "after": sequence,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            found = (await connection.execute(_AFTER, arguments)).mappings().all()
            return await _with_lines(connection, tenant, found)

    async def finance_events(
        self, wanted: JournalFilter, state: str, after: Position, rows: int
    ) -> Sequence[RowMapping]:
        """A page of finance events, newest first; ``after`` is (accepted_no,)."""
        arguments = {
            "tenant": wanted.tenant,
            "order_id": wanted.order_id,
            "state": state,
            "after": after[0] if after else None,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            return (await connection.execute(_EVENTS, arguments)).mappings().all()

    async def facts(self, tenant: str, event_key: str) -> str:
        """The stamped facts of an event as JSON; empty for a derived one."""
        arguments = {"tenant": tenant, "key": event_key}
        async with self._database.transaction() as connection:
            return (await connection.execute(_FACTS, arguments)).scalar() or ""


async def journal_of(
    connection: AsyncConnection, tenant: str, journal_id: str
) -> JournalRow | None:
    """One journal with its lines, or None."""
    arguments = {"tenant": tenant, "id": journal_id}
    found = (await connection.execute(_ONE, arguments)).mappings().all()
    rows = await _with_lines(connection, tenant, found)
    return rows[0] if rows else None


async def _with_lines(
    connection: AsyncConnection, tenant: str, found: Sequence[RowMapping]
) -> list[JournalRow]:
    arguments = {"tenant": tenant, "ids": [row["id"] for row in found]}
    lines: dict[str, list[RowMapping]] = {}
    for line in (await connection.execute(_LINES, arguments)).mappings():
        lines.setdefault(line["journal_id"], []).append(line)
    return [JournalRow(row, tuple(lines.get(row["id"], ()))) for row in found]


async def stored_event(
    connection: AsyncConnection, tenant: str, key: str, made: Sequence[str]
) -> tuple[RowMapping, list[JournalRow]]:
    """An event just posted or known before, with its journals and those ``made`` beside them."""
    arguments = {"tenant": tenant, "key": key, "ids": list(made)}
    event = (await connection.execute(_EVENT, arguments)).mappings().one()
    found = (await connection.execute(_OF_EVENT, arguments)).mappings().all()
    return event, await _with_lines(connection, tenant, found)


async def stored_journals(
    connection: AsyncConnection, tenant: str, made: Sequence[str]
) -> list[JournalRow]:
    """Journals just written, in order of their numbers."""
    arguments = {"tenant": tenant, "key": "", "ids": list(made)}
    found = (await connection.execute(_OF_EVENT, arguments)).mappings().all()
    return await _with_lines(connection, tenant, found)


async def known_event(
    connection: AsyncConnection, tenant: str, key: str
) -> tuple[RowMapping, list[JournalRow]] | None:
    """An event with its journals, or None."""
    arguments: dict[str, Any] = {"tenant": tenant, "key": key, "ids": []}
    event = (await connection.execute(_EVENT, arguments)).mappings().one_or_none()
    if event is None:
        return None
    found = (await connection.execute(_OF_EVENT, arguments)).mappings().all()
    return event, await _with_lines(connection, tenant, found)
