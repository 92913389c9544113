"""Numbers of sources as rows: what was seen of one is one multirange, however it came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.multirange import Multirange
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.application.declare_source_sequence import DeclareSourceSequence
from tandem_finance_posting.application.note_source_numbers import NoteSourceNumbers
from tandem_finance_posting.domain.source_sequence import (
    NUMBER_MAX,
    NumberRange,
    NumbersOfSource,
    NumberSource,
    SourceNumber,
)

_NOTE = text("""
    INSERT INTO source_sequence AS s (tenant, source, kind, legal_entity, store, register,
        business_date, seen, voided, void_reason, changed_at)
    SELECT tenant, source, kind, entity, store, register, day,
           range_agg(int8range(number, number, '[]')), '{}', '', :now
    FROM json_to_recordset(CAST(:rows AS json))
        AS r (tenant text, source text, kind text, entity text, store text, register text,
              day date, number bigint)
    GROUP BY tenant, source, kind, entity, store, register, day
    ORDER BY tenant, source
    ON CONFLICT (tenant, source)
        DO UPDATE SET seen = s.seen + excluded.seen, changed_at = excluded.changed_at
""")
_BEGIN = text("""
    INSERT INTO source_sequence (tenant, source, kind, legal_entity, store, register,
        business_date, seen, voided, void_reason, changed_at)
    VALUES (:tenant, :source, :kind, :entity, :store, :register, :day, '{}', '{}', '', now())
    ON CONFLICT (tenant, source) DO NOTHING
""")
_LOCK = text("""
    SELECT seen, voided, declared_last FROM source_sequence
    WHERE tenant = :tenant AND source = :source FOR UPDATE
""")
_DECLARE = text("""
    UPDATE source_sequence SET declared_last = :last, changed_at = :now,
        legal_entity = CASE WHEN legal_entity = '' THEN :entity ELSE legal_entity END,
        voided = voided + coalesce((
            SELECT range_agg(int8range(v.first, v.last, '[]'))
            FROM json_to_recordset(CAST(:voided AS json)) AS v (first bigint, last bigint)),
            '{}'),
        void_reason = CASE WHEN :reason = '' THEN void_reason ELSE :reason END
    WHERE tenant = :tenant AND source = :source
""")
_ADD = text("""
    UPDATE source_sequence SET changed_at = :now,
        legal_entity = CASE WHEN legal_entity = '' THEN :entity ELSE legal_entity END,
        seen = seen + (SELECT range_agg(int8range(n.first, n.last, '[]'))
                       FROM json_to_recordset(CAST(:numbers AS json))
                           AS n (first bigint, last bigint))
    WHERE tenant = :tenant AND source = :source
""")
MISSING = """
    (int8multirange(int8range(1, greatest(coalesce(upper(seen) - 1, 0),
                                          coalesce(declared_last, 0)), '[]'))
     - seen - voided)
"""
"""What is missing of a row, as in `NumbersOfSource.missing`; a test compares both."""
_COLUMNS = """
    source, kind, legal_entity, store, register, business_date, seen, voided, declared_last,
    changed_at, void_reason
"""
_ONE = text(f"""
    SELECT {_COLUMNS} FROM source_sequence WHERE tenant = :tenant AND source = :source
""")
_LIST = text(f"""
    SELECT {_COLUMNS} FROM source_sequence
    WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity)
      AND business_date BETWEEN :first AND :last
      AND (NOT :missing_only OR NOT isempty({MISSING}))
      AND (CAST(:after_day AS date) IS NULL
           OR (business_date, source) > (CAST(:after_day AS date), :after_source))
    ORDER BY business_date, source LIMIT :rows
""")


@dataclass(frozen=True)
class SequenceFilter:
    """Which sources. An empty entity does not filter."""

    tenant: str
    legal_entity: str = ""
    first: date = date.min
    last: date = date.max
    missing_only: bool = False


async def note_numbers(
    connection: AsyncConnection, numbers: Sequence[SourceNumber], now: datetime
) -> None:
    """Notes numbers that arrived; the same number again changes nothing. Those outside of 1 to
    NUMBER_MAX are no numbers of a source and left out."""
    rows = [
        {
            "tenant": item.tenant,
            "source": item.source.name,
            "kind": str(item.source.kind),
            "entity": item.source.legal_entity,
            "store": item.source.store,
            "register": item.source.register,
            "day": item.source.business_date.isoformat(),
            "number": item.number,
        }
        for item in numbers
        if 1 <= item.number <= NUMBER_MAX
    ]
    if rows:
        await connection.execute(_NOTE, {"rows": json.dumps(rows), "now": now})


class PostgresSequenceTransaction:
    """Sources' rows on one open connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def numbers_of(self, tenant: str, source: NumberSource) -> NumbersOfSource:
        """What is known of a source, locked; begins empty."""
        arguments: dict[str, Any] = {
            "tenant": tenant,
            "source": source.name,
            "kind": str(source.kind),
            "entity": source.legal_entity,
            "store": source.store,
            "register": source.register,
            "day": source.business_date,
        }
        await self._connection.execute(_BEGIN, arguments)
        row = (await self._connection.execute(_LOCK, arguments)).mappings().one()
        return numbers_from_row(row)

    async def declare(self, command: DeclareSourceSequence, now: datetime) -> None:
        """Writes a declaration."""
        voided = [{"first": first, "last": last} for first, last in command.voided]
        arguments = {
            "tenant": command.tenant,
            "source": command.source.name,
            "entity": command.source.legal_entity,
            "last": command.last,
            "voided": json.dumps(voided),
            "reason": command.reason,
            "now": now,
        }
        await self._connection.execute(_DECLARE, arguments)

    async def note(self, command: NoteSourceNumbers, now: datetime) -> None:
        """Adds numbers to those that arrived."""
        numbers = [{"first": first, "last": last} for first, last in command.numbers]
        arguments = {
            "tenant": command.tenant,
            "source": command.source.name,
            "entity": command.source.legal_entity,
            "numbers": json.dumps(numbers),
            "now": now,
        }
        await self._connection.execute(_ADD, arguments)


async def list_sources(
    connection: AsyncConnection,
    wanted: SequenceFilter,
    after: Sequence[str | int] | None,
    rows: int,
) -> Sequence[RowMapping]:
    """A page of sources by business date; ``after`` is (business_date, source)."""
    arguments = {
        "tenant": wanted.tenant,
        "entity": wanted.legal_entity,
        "first": wanted.first,
        "last": wanted.last,
        "missing_only": wanted.missing_only,
        "after_day": after[0] if after else None,
        "after_source": after[1] if after else "",
        "rows": rows,
    }
    return (await connection.execute(_LIST, arguments)).mappings().all()


async def source_row(connection: AsyncConnection, tenant: str, source: str) -> RowMapping:
    """One source that is known to be there."""
    arguments = {"tenant": tenant, "source": source}
    return (await connection.execute(_ONE, arguments)).mappings().one()


def numbers_from_row(row: RowMapping) -> NumbersOfSource:
    """What a row knows of its source."""
    return NumbersOfSource(_ranges(row["seen"]), _ranges(row["voided"]), row["declared_last"])


def _ranges(value: Multirange[int]) -> tuple[NumberRange, ...]:
    # Bounded on both sides: they are made of whole numbers only.
    return tuple((part.lower or 0, (part.upper or 0) - 1) for part in value)
