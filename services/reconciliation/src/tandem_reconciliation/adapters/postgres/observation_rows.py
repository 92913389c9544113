"""Observations: written once each, compared by sums per group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_reconciliation.application.ports import Population
from tandem_reconciliation.domain.observation import Group, Observation, SideTotal

_INSERT = text("""
    INSERT INTO observation (tenant, checkpoint, side, key, group_key, amount, currency_code,
                             order_id, detail, occurred_at, observed_at, trace_id)
    SELECT tenant, checkpoint, side, key, group_key, amount, currency_code, order_id, detail,
           occurred_at, :now, trace_id
    FROM unnest(CAST(:tenant AS text[]), CAST(:checkpoint AS text[]), CAST(:side AS text[]),
                CAST(:key AS text[]), CAST(:group_key AS text[]), CAST(:amount AS bigint[]),
                CAST(:currency_code AS text[]), CAST(:order_id AS text[]),
                CAST(:detail AS text[]), CAST(:occurred_at AS timestamptz[]),
                CAST(:trace_id AS text[]))
         AS o (tenant, checkpoint, side, key, group_key, amount, currency_code, order_id, detail,
               occurred_at, trace_id)
    ON CONFLICT (tenant, checkpoint, side, key) DO NOTHING
""")
_GROUPS = """
    SELECT group_key, max(currency_code) AS currency_code,
           max(order_id) AS order_id, max(trace_id) AS trace_id,
           count(*) FILTER (WHERE side = 'LEFT') AS left_count,
           count(*) FILTER (WHERE side = 'RIGHT') AS right_count,
           coalesce(sum(amount) FILTER (WHERE side = 'LEFT'), 0) AS left_amount,
           coalesce(sum(amount) FILTER (WHERE side = 'RIGHT'), 0) AS right_amount,
           min(observed_at) FILTER (WHERE side = 'LEFT') AS left_at,
           min(observed_at) FILTER (WHERE side = 'RIGHT') AS right_at,
           max(detail) FILTER (WHERE side = 'LEFT') AS left_detail,
           max(detail) FILTER (WHERE side = 'RIGHT') AS right_detail
    FROM observation WHERE tenant = :tenant AND checkpoint = :checkpoint GROUP BY group_key
"""
# A group whose left side adds up to nothing (goods released and cancelled) needs no right side.
_BALANCED = """
    (left_amount = right_amount AND (right_count > 0 OR left_amount = 0))
"""
_POPULATION = text(f"""
    SELECT count(*) FILTER (WHERE left_count > 0), count(*) FILTER (WHERE right_count > 0),
           count(*) FILTER (WHERE {_BALANCED}) FROM ({_GROUPS}) AS g
""")
_TOTALS = text("""
    SELECT side, currency_code, sum(amount) FROM observation
    WHERE tenant = :tenant AND checkpoint = :checkpoint AND currency_code <> ''
    GROUP BY side, currency_code
""")
_UNBALANCED = text(f"""
    SELECT * FROM ({_GROUPS}) AS g WHERE NOT {_BALANCED}
    ORDER BY least(left_at, right_at), group_key LIMIT :rows
""")


async def write(
    connection: AsyncConnection, observations: Sequence[Observation], now: datetime
) -> None:
    """Keeps observations; a key kept before stays as it is."""
    names = (
        "tenant", "checkpoint", "key", "amount", "currency_code", "order_id", "detail",
        "occurred_at", "trace_id",
    )  # fmt: skip
    columns: dict[str, Any] = {name: [getattr(o, name) for o in observations] for name in names}
    columns["side"] = [o.side.value for o in observations]
    columns["group_key"] = [o.group for o in observations]
    await connection.execute(_INSERT, {**columns, "now": now})


async def population(connection: AsyncConnection, tenant: str, checkpoint: str) -> Population:
    """Counts of groups and sums of amounts."""
    arguments = {"tenant": tenant, "checkpoint": checkpoint}
    left, right, matched = (await connection.execute(_POPULATION, arguments)).one()
    totals: dict[str, dict[str, int]] = {"LEFT": {}, "RIGHT": {}}
    for side, currency, amount in await connection.execute(_TOTALS, arguments):
        totals[side][currency] = int(amount)
    return Population(left, right, matched, totals["LEFT"], totals["RIGHT"])


async def unbalanced(
    connection: AsyncConnection, tenant: str, checkpoint: str, rows: int
) -> list[Group]:
    """Groups whose sides differ, oldest first."""
    arguments = {"tenant": tenant, "checkpoint": checkpoint, "rows": rows}
    found = (await connection.execute(_UNBALANCED, arguments)).mappings()
    return [
        Group(
            key=row["group_key"],
            currency_code=row["currency_code"],
            order_id=row["order_id"],
            trace_id=row["trace_id"],
            left=_side(row, "left"),
            right=_side(row, "right"),
        )
        for row in found
    ]


def _side(row: Any, side: str) -> SideTotal | None:
    if not row[f"{side}_count"]:
        return None
    return SideTotal(
        amount=int(row[f"{side}_amount"]),
        count=row[f"{side}_count"],
        first_at=row[f"{side}_at"],
        detail=row[f"{side}_detail"],
    )
