"""Seals as rows, and journals as the bytes that are sealed.

Postgres lays the bytes out: the same statement seals and verifies, and no journal has to become an
object for it. `domain/seal_chain.py` says what the layout is; a test compares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.domain.seal_chain import (
    FORMAT,
    ChainHead,
    JournalContent,
    Seal,
    StoredChain,
    genesis,
)

_INSTANT = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
_DAY = "to_char({}, 'YYYY-MM-DD')"
_TEXT = "CAST({} AS text)"
JOURNAL_COLUMNS = {
    "tenant": _TEXT, "id": _TEXT, "sequence": _TEXT, "legal_entity": _TEXT, "book": _TEXT,
    "event_key": _TEXT, "event_type": _TEXT, "purpose": _TEXT, "generation": _TEXT,
    "original_date": _DAY, "accounting_date": _DAY, "recorded_at": _INSTANT, "rule_set": _TEXT,
    "rule_id": _TEXT, "order_id": _TEXT, "currency_code": _TEXT, "trace_id": _TEXT,
    "link_id": _TEXT, "reverses_journal_id": _TEXT, "functional_currency_code": _TEXT,
    "late_reason": _TEXT, "approvals": _TEXT,
}  # fmt: skip
"""Columns of a journal in the order of format 1, and how each becomes text."""
LINE_COLUMNS = {
    "tenant": _TEXT, "journal_id": _TEXT, "number": _TEXT, "legal_entity": _TEXT, "book": _TEXT,
    "accounting_date": _DAY, "role": _TEXT, "side": _TEXT, "amount_minor": _TEXT,
    "currency_code": _TEXT, "dimensions": _TEXT, "rule_line": _TEXT, "functional_minor": _TEXT,
}  # fmt: skip
"""Columns of a line in the order of format 1."""


def _prefixed(value: str) -> str:
    return f"coalesce(octet_length({value}) || ':' || {value}, '-')"


def _laid_out(columns: dict[str, str], table: str) -> str:
    texts = (form.format(f"{table}.{column}") for column, form in columns.items())
    return " || ".join(_prefixed(value) for value in texts)


_CONTENT = f"""
    {_laid_out(JOURNAL_COLUMNS, "j")} || coalesce((
        SELECT string_agg({_laid_out(LINE_COLUMNS, "l")}, '' ORDER BY l.number)
        FROM journal_line l WHERE l.tenant = j.tenant AND l.journal_id = j.id), '')
"""
_OF_LEDGER = "tenant = :tenant AND legal_entity = :entity AND book = :book"
_CONTENTS = text(f"""
    SELECT j.sequence, CAST(j.id AS text), {_CONTENT}
    FROM journal j
    WHERE j.{_OF_LEDGER.replace(" AND ", " AND j.")}
      AND j.sequence > :after AND j.sequence <= :last
    ORDER BY j.sequence LIMIT :rows
""")
_BEHIND = text("""
    SELECT s.tenant, s.legal_entity, s.book
    FROM journal_sequence s LEFT JOIN seal_chain c USING (tenant, legal_entity, book)
    WHERE s.last > coalesce(c.sequence, 0)
    ORDER BY c.sealed_at NULLS FIRST LIMIT :rows
""")
_BEGIN = text("""
    INSERT INTO seal_chain (tenant, legal_entity, book, sequence, hash)
    VALUES (:tenant, :entity, :book, 0, :genesis) ON CONFLICT DO NOTHING
""")
# Whoever else is sealing this ledger will be done with it; there are others to seal.
_LOCK = text(f"""
    SELECT sequence, hash FROM seal_chain WHERE {_OF_LEDGER} FOR UPDATE SKIP LOCKED
""")
_ADD = text("""
    WITH added AS (
        INSERT INTO journal_seal (tenant, legal_entity, book, sequence, journal_id, format, hash,
                                  sealed_at)
        SELECT :tenant, :entity, :book, s, j, :format, h, :now
        FROM unnest(CAST(:sequences AS bigint[]), CAST(:journals AS uuid[]),
                    CAST(:hashes AS bytea[])) AS k (s, j, h)
    )
    UPDATE seal_chain SET sequence = :last, hash = :head, sealed_at = :now
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book
""")
_SEALS = text(f"""
    SELECT sequence, CAST(journal_id AS text), hash FROM journal_seal
    WHERE {_OF_LEDGER} AND sequence > :after AND sequence <= :last
""")
_ROOTS = text(f"""
    SELECT sequence, hash FROM seal_root
    WHERE {_OF_LEDGER} AND sequence > :after AND sequence <= :last
""")
SEAL_OF_JOURNAL = text("""
    SELECT s.legal_entity, s.book, s.sequence, CAST(s.journal_id AS text) AS journal_id, s.hash,
           s.sealed_at, s.format, p.hash AS previous_hash
    FROM journal j
    JOIN journal_seal s USING (tenant, legal_entity, book, sequence)
    LEFT JOIN journal_seal p ON p.tenant = s.tenant AND p.legal_entity = s.legal_entity
         AND p.book = s.book AND p.sequence = s.sequence - 1
    WHERE j.tenant = :tenant AND j.id = CAST(:id AS uuid)
""")
_STATE = text("""
    SELECT coalesce(c.sequence, 0), c.hash, s.last, c.broken_at, coalesce(c.broken_why, '')
    FROM journal_sequence s LEFT JOIN seal_chain c USING (tenant, legal_entity, book)
    WHERE s.tenant = :tenant AND s.legal_entity = :entity AND s.book = :book
""")
_BREAK = text(f"""
    UPDATE seal_chain SET broken_at = :sequence, broken_why = :why, breaks = breaks + 1
    WHERE {_OF_LEDGER} AND broken_at IS DISTINCT FROM :sequence
    RETURNING breaks
""")
_WHOLE = text(f"""
    UPDATE seal_chain SET broken_at = NULL, broken_why = NULL
    WHERE {_OF_LEDGER} AND broken_at IS NOT NULL
""")


@dataclass(frozen=True)
class ChainState:
    """A chain and the ledger it is of."""

    head: ChainHead
    last_journal: int
    broken_at: int | None = None
    broken_why: str = ""

    @property
    def unsealed(self) -> int:
        """Journals that have no seal yet."""
        return max(0, self.last_journal - self.head.sequence)


def _ledger(key: LedgerKey) -> dict[str, object]:
    return {"tenant": key[0], "entity": key[1], "book": key[2]}


async def ledgers_behind(connection: AsyncConnection, rows: int) -> list[LedgerKey]:
    """Ledgers with journals that are not sealed, the longest waiting first."""
    return [(row[0], row[1], row[2]) for row in await connection.execute(_BEHIND, {"rows": rows})]


async def lock_head(connection: AsyncConnection, key: LedgerKey) -> ChainHead | None:
    """The end of a chain, locked; None when somebody else is sealing it."""
    start = genesis(*key)
    await connection.execute(_BEGIN, {**_ledger(key), "genesis": start.hash})
    row = (await connection.execute(_LOCK, _ledger(key))).first()
    return ChainHead(row[0], bytes(row[1])) if row else None


async def read_contents(
    connection: AsyncConnection, key: LedgerKey, after: int, last: int, rows: int
) -> list[JournalContent]:
    """Journals behind a number as they are sealed, in order."""
    arguments = {**_ledger(key), "after": after, "last": last, "rows": rows}
    found = await connection.execute(_CONTENTS, arguments)
    return [JournalContent(row[0], row[1], row[2]) for row in found]


async def add_seals(
    connection: AsyncConnection, key: LedgerKey, seals: Sequence[Seal], now: datetime
) -> None:
    """Writes seals and moves the end of the chain."""
    arguments = {
        **_ledger(key),
        "sequences": [seal.sequence for seal in seals],
        "journals": [seal.journal_id for seal in seals],
        "hashes": [seal.hash for seal in seals],
        "format": FORMAT,
        "now": now,
        "last": seals[-1].sequence,
        "head": seals[-1].hash,
    }
    await connection.execute(_ADD, arguments)


async def read_chain(
    connection: AsyncConnection, key: LedgerKey, after: int, last: int
) -> StoredChain:
    """A part of a chain as stored: journals, seals and roots behind ``after`` up to ``last``."""
    arguments = {**_ledger(key), "after": after, "last": last}
    journals = await read_contents(connection, key, after, last, last - after)
    seals = await connection.execute(_SEALS, arguments)
    roots = await connection.execute(_ROOTS, arguments)
    return StoredChain(
        {journal.sequence: journal for journal in journals},
        {row[0]: Seal(row[0], row[1], bytes(row[2])) for row in seals},
        {row[0]: bytes(row[1]) for row in roots},
    )


async def seal_before(connection: AsyncConnection, key: LedgerKey, sequence: int) -> ChainHead:
    """The seal a number follows; the chain's beginning when that one is not there."""
    arguments = {**_ledger(key), "after": sequence - 2, "last": sequence - 1}
    row = (await connection.execute(_SEALS, arguments)).first()
    if row is None:
        # Without it nothing can be computed; the beginning makes the first one looked at differ.
        return ChainHead(sequence - 1, genesis(*key).hash)
    return ChainHead(row[0], bytes(row[2]))


async def chain_state(connection: AsyncConnection, key: LedgerKey) -> ChainState:
    """Where a chain ends, and where its ledger does."""
    row = (await connection.execute(_STATE, _ledger(key))).first()
    if row is None:
        return ChainState(genesis(*key), 0)
    head = ChainHead(row[0], bytes(row[1])) if row[1] is not None else genesis(*key)
    return ChainState(head, row[2], row[3], row[4])


async def mark_broken(
    connection: AsyncConnection, key: LedgerKey, sequence: int, why: str
) -> int | None:
    """Writes down where a chain broke: how often one did so far, or None when it was known."""
    arguments = {**_ledger(key), "sequence": sequence, "why": why}
    number: int | None = (await connection.execute(_BREAK, arguments)).scalar()
    return number


async def mark_whole(connection: AsyncConnection, key: LedgerKey) -> None:
    """The chain holds again where it was broken."""
    await connection.execute(_WHOLE, _ledger(key))


_CHAINS = text("""
    SELECT tenant, legal_entity, book, broken_at FROM seal_chain
    ORDER BY tenant, legal_entity, book LIMIT :rows
""")


async def chains(connection: AsyncConnection, rows: int) -> list[tuple[LedgerKey, int | None]]:
    """All chains, and where each is known to be broken."""
    found = await connection.execute(_CHAINS, {"rows": rows})
    return [((row[0], row[1], row[2]), row[3]) for row in found]


_ROOT = text("""
    WITH days AS (
        SELECT CAST(j.recorded_at AT TIME ZONE 'UTC' AS date) AS day, max(j.sequence) AS sequence
        FROM journal j
        WHERE j.tenant = :tenant AND j.legal_entity = :entity AND j.book = :book
          AND j.sequence > coalesce((
              SELECT max(r.sequence) FROM seal_root r
              WHERE r.tenant = :tenant AND r.legal_entity = :entity AND r.book = :book), 0)
          AND j.sequence <= :head AND j.recorded_at < :today
        GROUP BY 1 ORDER BY 1 LIMIT :rows
    )
    INSERT INTO seal_root (tenant, legal_entity, book, day, sequence, hash, rooted_at)
    SELECT :tenant, :entity, :book, d.day, d.sequence, s.hash, :now
    FROM days d JOIN journal_seal s ON s.tenant = :tenant AND s.legal_entity = :entity
         AND s.book = :book AND s.sequence = d.sequence
    ON CONFLICT DO NOTHING
    RETURNING day, sequence, hash
""")
_WITHOUT_ROOT = text("""
    SELECT tenant, legal_entity, book, sequence FROM seal_chain
    WHERE rooted_day IS DISTINCT FROM :day AND sequence > 0
    ORDER BY tenant, legal_entity, book LIMIT :rows FOR UPDATE SKIP LOCKED
""")
_ROOTED = text(f"""
    UPDATE seal_chain SET rooted_day = :day, roots = roots + :added WHERE {_OF_LEDGER}
    RETURNING roots
""")
_UNSEALED_BEFORE = text(f"""
    SELECT EXISTS (SELECT 1 FROM journal WHERE {_OF_LEDGER} AND sequence > :head
                   AND recorded_at < :today)
""")


@dataclass(frozen=True)
class RootedDay:
    """The root of one day."""

    key: LedgerKey
    day: date
    head: ChainHead
    number: int
    """Counts the roots of its chain from 1."""


async def chains_without_root(
    connection: AsyncConnection, day: date, rows: int
) -> list[tuple[LedgerKey, int]]:
    """Chains whose roots were not made on ``day`` yet, locked, with their last numbers."""
    found = await connection.execute(_WITHOUT_ROOT, {"day": day, "rows": rows})
    return [((row[0], row[1], row[2]), row[3]) for row in found]


async def add_roots(
    connection: AsyncConnection, key: LedgerKey, head: int, now: datetime, rows: int
) -> list[RootedDay]:
    """Roots of the days that are over; none while journals of such a day wait for their seal."""
    today = datetime.combine(now.date(), datetime.min.time(), now.tzinfo)
    arguments = {**_ledger(key), "head": head, "today": today, "now": now, "rows": rows}
    if (await connection.execute(_UNSEALED_BEFORE, arguments)).scalar_one():
        return []
    found = (await connection.execute(_ROOT, arguments)).all()
    # A full batch may have left days: the chain stays without today's mark.
    done = now.date() if len(found) < rows else None
    rooted = await connection.execute(_ROOTED, {**_ledger(key), "day": done, "added": len(found)})
    first = rooted.scalar_one() - len(found) + 1
    days = sorted(found)
    return [
        RootedDay(key, row[0], ChainHead(row[1], bytes(row[2])), first + place)
        for place, row in enumerate(days)
    ]
