"""Reads of how complete the books are: what is posted, what waits, which refunds are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.domain.period import Period

_SHARES = text("""
    SELECT channel, store, event_type, state, currency_code, count(*) AS count,
           coalesce(sum(value_minor), 0) AS value
    FROM finance_event
    WHERE tenant = :tenant AND legal_entity = :entity
      AND original_date BETWEEN :first AND :last AND state IN ('POSTED', 'HELD')
    GROUP BY channel, store, event_type, state, currency_code
""")
_HELD = text("""
    SELECT hold_gate, currency_code, count(*) AS count, coalesce(sum(value_minor), 0) AS value,
           min(accepted_at) AS oldest
    FROM finance_event
    WHERE tenant = :tenant AND legal_entity = :entity AND state = 'HELD'
      AND original_date BETWEEN :first AND :last
    GROUP BY hold_gate, currency_code ORDER BY hold_gate, currency_code
""")
_DEAD_LETTERS = text("SELECT count(*) FROM dead_letter WHERE tenant = :tenant AND state = 'OPEN'")
# Approved in operation and not in the books; in the books and not paid back, or paid back more.
_GAPS = """
    SELECT 'UNPOSTED' AS kind, legal_entity, order_id, event_key, currency_code,
           coalesce(value_minor, 0) AS amount, original_date, hold_gate
    FROM finance_event
    WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity) AND state = 'HELD'
      AND original_date <= :last AND event_type = ANY(:types)
    UNION ALL
    SELECT CASE WHEN sum(CASE side WHEN 'CREDIT' THEN amount_minor ELSE -amount_minor END) > 0
                THEN 'UNSETTLED' ELSE 'UNAPPROVED' END,
           l.legal_entity, j.order_id, '', l.currency_code,
           abs(sum(CASE side WHEN 'CREDIT' THEN amount_minor ELSE -amount_minor END)),
           min(j.original_date), ''
    FROM journal_line l JOIN journal j ON j.tenant = l.tenant AND j.id = l.journal_id
    WHERE l.tenant = :tenant AND (:entity = '' OR l.legal_entity = :entity)
      AND l.role = 'REFUND_PAYABLE' AND l.accounting_date <= :last
    GROUP BY l.legal_entity, j.order_id, l.currency_code
    HAVING sum(CASE side WHEN 'CREDIT' THEN amount_minor ELSE -amount_minor END) <> 0
"""
_GAP_TOTALS = text(f"""
    SELECT kind, currency_code, count(*) AS count, sum(amount) AS value
    FROM ({_GAPS}) AS gaps GROUP BY kind, currency_code ORDER BY kind, currency_code
""")
_GAP_LIST = text(f"""
    SELECT *, concat_ws(' ', legal_entity, order_id, event_key, currency_code, kind) AS key
    FROM ({_GAPS}) AS gaps
    WHERE (:kind = '' OR kind = :kind)
      AND (CAST(:after_day AS date) IS NULL
           OR (original_date, concat_ws(' ', legal_entity, order_id, event_key, currency_code,
                                        kind)) > (CAST(:after_day AS date), :after_key))
    ORDER BY original_date, key LIMIT :rows
""")


@dataclass(frozen=True)
class GapFilter:
    """Which open refunds. Empty texts do not filter; ``types`` are those of approvals."""

    tenant: str
    types: frozenset[str]
    legal_entity: str = ""
    last: date = date.max
    kind: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """As arguments of a statement."""
        return {
            "tenant": self.tenant,
            "types": sorted(self.types),
            "entity": self.legal_entity,
            "last": self.last,
            "kind": self.kind,
        }


def _arguments(ledger: LedgerKey, period: Period) -> dict[str, Any]:
    return {
        "tenant": ledger[0],
        "entity": ledger[1],
        "first": period.first,
        "last": period.last,
    }


async def shares(
    connection: AsyncConnection, ledger: LedgerKey, period: Period
) -> Sequence[RowMapping]:
    """Events of the period by channel, store, type, state and currency: count and value."""
    return (await connection.execute(_SHARES, _arguments(ledger, period))).mappings().all()


async def held_by_gate(
    connection: AsyncConnection, ledger: LedgerKey, period: Period
) -> Sequence[RowMapping]:
    """Held events of the period by gate and currency, with when the oldest was accepted."""
    return (await connection.execute(_HELD, _arguments(ledger, period))).mappings().all()


async def dead_letters(connection: AsyncConnection, tenant: str) -> int:
    """Events nobody could read, which wait for an operator."""
    return int((await connection.execute(_DEAD_LETTERS, {"tenant": tenant})).scalar_one())


async def gap_totals(connection: AsyncConnection, wanted: GapFilter) -> Sequence[RowMapping]:
    """Open refunds by kind and currency."""
    return (await connection.execute(_GAP_TOTALS, wanted.arguments)).mappings().all()


async def gaps(
    connection: AsyncConnection, wanted: GapFilter, after: Sequence[str | int] | None, rows: int
) -> Sequence[RowMapping]:
    """A page of open refunds, oldest first; ``after`` is (original_date, key)."""
    arguments = {
        **wanted.arguments,
        "after_day": after[0] if after else None,
        "after_key": after[1] if after else "",
        "rows": rows,
    }
    return (await connection.execute(_GAP_LIST, arguments)).mappings().all()
