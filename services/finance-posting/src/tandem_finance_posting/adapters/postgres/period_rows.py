"""Stored periods, and the lock that keeps posting and closing apart.

A ledger is (tenant, legal entity, book). Posting takes its lock shared, closing alone: a journal is
either in the books before the period is judged, or is placed by the closed calendar. Advisory locks
and not row locks, because they queue: a stream of postings would let a close wait for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.domain.period import Period, PeriodCalendar, PeriodState

LedgerKey = tuple[str, str, str]
"""Tenant, legal entity, book."""

_KEYS = """
    unnest(CAST(:tenants AS text[]), CAST(:entities AS text[]), CAST(:books AS text[]))
        AS k (tenant, legal_entity, book)
"""
# Equal hashes of two ledgers are one lock: ordered and distinct by what is locked.
_HASHES = f"""
    SELECT DISTINCT hashtextextended(
        length(tenant) || ':' || tenant || length(legal_entity) || ':' || legal_entity || book, 3)
        AS ledger
    FROM {_KEYS} ORDER BY 1
"""
_LOCK_SHARED = text(f"SELECT pg_advisory_xact_lock_shared(ledger) FROM ({_HASHES}) AS h")
_LOCK_ALONE = text(f"SELECT pg_advisory_xact_lock(ledger) FROM ({_HASHES}) AS h")
_PERIODS = text(f"""
    SELECT tenant, legal_entity, book, code, first_date, last_date, state
    FROM accounting_period JOIN {_KEYS} USING (tenant, legal_entity, book)
""")


async def load_calendars(
    connection: AsyncConnection, keys: Iterable[LedgerKey]
) -> dict[LedgerKey, PeriodCalendar]:
    """Calendars of ledgers, for posting: no period of theirs changes before this transaction ends.

    Call it before any row is locked, so that a close which waits for a posting is never waited for
    by the same posting.
    """
    return await _locked(connection, sorted(set(keys)), _LOCK_SHARED)


async def load_calendar_alone(connection: AsyncConnection, key: LedgerKey) -> PeriodCalendar:
    """The calendar of a ledger, for changing it: no posting is under way until this transaction
    ends, and all that were are visible."""
    return (await _locked(connection, [key], _LOCK_ALONE))[key]


async def _locked(
    connection: AsyncConnection, keys: Sequence[LedgerKey], lock: TextClause
) -> dict[LedgerKey, PeriodCalendar]:
    if not keys:
        return {}
    # Two statements: what the lock waited for is visible only to a later one.
    await connection.execute(lock, _columns(keys))
    return await read_calendars(connection, keys)


async def read_calendars(
    connection: AsyncConnection, keys: Sequence[LedgerKey]
) -> dict[LedgerKey, PeriodCalendar]:
    """Calendars without a lock, for reads."""
    stored: dict[LedgerKey, list[Period]] = {key: [] for key in keys}
    for row in await connection.execute(_PERIODS, _columns(keys)):
        state = PeriodState(row[6]) if row[6] else None
        stored[row[0], row[1], row[2]].append(Period(row[3], row[4], row[5], state))
    return {key: PeriodCalendar(periods) for key, periods in stored.items()}


def _columns(keys: Sequence[LedgerKey]) -> dict[str, list[str]]:
    return {
        "tenants": [key[0] for key in keys],
        "entities": [key[1] for key in keys],
        "books": [key[2] for key in keys],
    }
