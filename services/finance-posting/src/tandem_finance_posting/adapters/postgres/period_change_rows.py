"""Steps in the life of periods as rows: who proposed, who decided, what the books were then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey, load_calendar_alone
from tandem_finance_posting.domain.errors import PeriodMoveRefused
from tandem_finance_posting.domain.period import Period, PeriodState
from tandem_finance_posting.domain.period_change import (
    BooksThen,
    ChangeState,
    Decision,
    PeriodChange,
)

_STORE = text("""
    INSERT INTO accounting_period AS p (tenant, legal_entity, book, code, first_date, last_date,
                                        state, version)
    VALUES (:tenant, :entity, :book, :code, :first, :last, :state, 1)
    ON CONFLICT (tenant, legal_entity, book, first_date)
        DO UPDATE SET state = excluded.state, version = p.version + 1
    RETURNING version
""")
_CHANGE_COLUMNS = """
    tenant, CAST(id AS text) AS id, legal_entity, book, code, first_date, last_date, state,
    from_state, to_state, proposed_by, proposed_at, reason, decided_by, decided_at,
    decision_reason, chain_sequence, chain_hash, balance_hash, reseals
"""
_CHANGE = text(f"""
    SELECT {_CHANGE_COLUMNS} FROM period_change
    WHERE tenant = :tenant AND id = CAST(:id AS uuid) FOR UPDATE
""")
_CHANGE_LEDGER = text("""
    SELECT tenant, legal_entity, book FROM period_change
    WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")
_SAVE_CHANGE = text("""
    INSERT INTO period_change (tenant, id, legal_entity, book, code, first_date, last_date, state,
        from_state, to_state, proposed_by, proposed_at, reason, decided_by, decided_at,
        decision_reason, chain_sequence, chain_hash, balance_hash, reseals)
    VALUES (:tenant, CAST(:id AS uuid), :entity, :book, :code, :first, :last, :state, :from_state,
        :to_state, :proposed_by, :proposed_at, :reason, :decided_by, :decided_at,
        :decision_reason, :chain_sequence, :chain_hash, :balance_hash, :reseals)
    ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state,
        decided_by = excluded.decided_by, decided_at = excluded.decided_at,
        decision_reason = excluded.decision_reason, chain_sequence = excluded.chain_sequence,
        chain_hash = excluded.chain_hash, balance_hash = excluded.balance_hash
""")
_PROPOSED = text("""
    SELECT EXISTS (SELECT 1 FROM period_change
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book AND first_date = :first
      AND state = 'PROPOSED' AND id <> CAST(:id AS uuid))
""")
_WAS_CLOSED = text("""
    SELECT EXISTS (SELECT 1 FROM period_change
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book AND first_date = :first
      AND state = 'DONE' AND to_state = 'CLOSED')
""")
_CHANGES = text(f"""
    SELECT {_CHANGE_COLUMNS} FROM period_change
    WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity)
      AND (:book = '' OR book = :book) AND (:state = '' OR state = :state)
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (proposed_at, id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY proposed_at DESC, id DESC LIMIT :rows
""")
_SEALED_BALANCES = text("""
    SELECT DISTINCT ON (first_date) first_date, balance_hash FROM period_change
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book
      AND state = 'DONE' AND to_state = 'CLOSED'
    ORDER BY first_date, decided_at DESC
""")


def ledger_columns(key: LedgerKey) -> dict[str, Any]:
    """A ledger as arguments of a statement."""
    return {"tenant": key[0], "entity": key[1], "book": key[2]}


async def store_period(connection: AsyncConnection, key: LedgerKey, period: Period) -> int:
    """Writes a period; its new version, from 1."""
    arguments = {
        **ledger_columns(key),
        "code": period.code,
        "first": period.first,
        "last": period.last,
        "state": str(period.state) if period.state else None,
    }
    version: int = (await connection.execute(_STORE, arguments)).scalar_one()
    return version


async def lock_change(
    connection: AsyncConnection, tenant: str, change_id: str
) -> PeriodChange | None:
    """A step, its ledger locked alone; None when there is none."""
    arguments = {"tenant": tenant, "id": change_id}
    found = (await connection.execute(_CHANGE_LEDGER, arguments)).first()
    if found is None:
        return None
    # The ledger before the step, as everywhere: or a proposal and its decision wait in a circle.
    await load_calendar_alone(connection, (found[0], found[1], found[2]))
    return _change((await connection.execute(_CHANGE, arguments)).mappings().one())


async def save_change(connection: AsyncConnection, change: PeriodChange) -> None:
    """Writes a step. Raises PeriodMoveRefused for a second open proposal of a period."""
    decided = change.decided
    arguments = {
        **ledger_columns(change.ledger),
        "id": change.id,
        "code": change.period.code,
        "first": change.period.first,
        "last": change.period.last,
        "state": str(change.state),
        "from_state": str(change.from_state),
        "to_state": str(change.to_state),
        "proposed_by": change.proposed.subject,
        "proposed_at": change.proposed.at,
        "reason": change.proposed.reason,
        "decided_by": decided.subject if decided else "",
        "decided_at": decided.at if decided else None,
        "decision_reason": decided.reason if decided else "",
        "chain_sequence": change.books.chain_sequence,
        "chain_hash": change.books.chain_hash,
        "balance_hash": change.books.balance_hash,
        "reseals": change.reseals,
    }
    # Nobody else writes steps of this ledger: it is locked. The index is the second fence.
    proposed = change.state is ChangeState.PROPOSED
    if proposed and (await connection.execute(_PROPOSED, arguments)).scalar_one():
        raise PeriodMoveRefused(
            change.period.code, str(change.from_state), "a proposal waits already"
        )
    await connection.execute(_SAVE_CHANGE, arguments)


async def was_closed(connection: AsyncConnection, key: LedgerKey, period: Period) -> bool:
    """True when a period was closed at some time."""
    arguments = {**ledger_columns(key), "first": period.first}
    return bool((await connection.execute(_WAS_CLOSED, arguments)).scalar_one())


@dataclass(frozen=True)
class ChangeFilter:
    """Which steps; empty fields do not filter."""

    tenant: str
    legal_entity: str = ""
    book: str = ""
    state: str = ""


async def list_changes(
    connection: AsyncConnection,
    wanted: ChangeFilter,
    after: Sequence[str | int] | None,
    rows: int,
) -> list[PeriodChange]:
    """A page of steps, newest first; ``after`` is (proposed_at, id)."""
    arguments = {
        "tenant": wanted.tenant,
        "entity": wanted.legal_entity,
        "book": wanted.book,
        "state": wanted.state,
        "after_at": after[0] if after else None,
        "after_id": after[1] if after else None,
        "rows": rows,
    }
    found = await connection.execute(_CHANGES, arguments)
    return [_change(row) for row in found.mappings()]


async def closed_balances(connection: AsyncConnection, key: LedgerKey) -> dict[date, bytes]:
    """Hashes of the balances periods were closed with last, by their first day."""
    found = await connection.execute(_SEALED_BALANCES, ledger_columns(key))
    return {row[0]: bytes(row[1]) for row in found}


def _change(row: RowMapping) -> PeriodChange:
    period = Period(
        row["code"], row["first_date"], row["last_date"], PeriodState(row["from_state"])
    )
    decided = None
    if row["decided_at"] is not None:
        decided = Decision(row["decided_by"], row["decided_at"], row["decision_reason"])
    return PeriodChange(
        id=row["id"],
        ledger=(row["tenant"], row["legal_entity"], row["book"]),
        period=period,
        to_state=PeriodState(row["to_state"]),
        proposed=Decision(row["proposed_by"], row["proposed_at"], row["reason"]),
        state=ChangeState(row["state"]),
        decided=decided,
        books=BooksThen(
            row["chain_sequence"], bytes(row["chain_hash"]), bytes(row["balance_hash"])
        ),
        reseals=row["reseals"],
    )
