"""Reads of the cost sub-ledger, and what the books say of the same goods."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, TextClause, text
from tandem_platform.database import Database

from tandem_finance_posting.domain.goods_aside import Stage
from tandem_finance_posting.domain.journal import BOOK

INVENTORY = "INVENTORY"
Position = Sequence[str | int] | None

_POOLS = text("""
    SELECT legal_entity, area, sku, quantity, value_minor, method, allowance_minor, layers
    FROM cost_pool
    WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity)
      AND (:sku = '' OR sku = :sku) AND (:with_empty OR quantity > 0)
      AND (NOT :further OR (legal_entity, area, sku) > (:after_0, :after_1, :after_2))
    ORDER BY legal_entity, area, sku LIMIT :rows
""")
_ASIDE = text("""
    SELECT legal_entity, stage, ref, line_ref, quantity, cost_minor FROM goods_aside
    WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity)
      AND (:stage = '' OR stage = :stage) AND (:ref = '' OR ref = :ref) AND quantity > 0
      AND (NOT :further
           OR (legal_entity, stage, ref, line_ref) > (:after_0, :after_1, :after_2, :after_3))
    ORDER BY legal_entity, stage, ref, line_ref LIMIT :rows
""")
# One statement is one snapshot: balances and pools are written in one transaction, so a posting
# under way is in both sums or in neither.
_COMPARE = text("""
    WITH goods AS (
        SELECT legal_entity, CAST(:inventory AS text) AS role, value_minor AS minor
        FROM cost_pool WHERE tenant = :tenant
        UNION ALL
        SELECT a.legal_entity, r.role, a.cost_minor
        FROM goods_aside a
        JOIN json_to_recordset(CAST(:roles AS json)) AS r (stage text, role text) USING (stage)
        WHERE tenant = :tenant
    ), books AS (
        SELECT legal_entity, role, functional_debit_minor - functional_credit_minor AS minor
        FROM ledger_balance
        WHERE tenant = :tenant AND book = :book AND role IN (
            SELECT role FROM json_to_recordset(CAST(:roles AS json)) AS r (role text)
            UNION SELECT CAST(:inventory AS text))
    )
    SELECT legal_entity, role, CAST(sum(books) AS bigint) AS books_minor,
           CAST(sum(goods) AS bigint) AS goods_minor
    FROM (SELECT legal_entity, role, minor AS books, 0 AS goods FROM books
          UNION ALL SELECT legal_entity, role, 0, minor FROM goods) AS sides
    WHERE :entity = '' OR legal_entity = :entity
    GROUP BY 1, 2 ORDER BY 1, 2
""")


@dataclass(frozen=True)
class PoolFilter:
    """Which pools; empty texts do not filter."""

    tenant: str
    entity: str = ""
    sku: str = ""
    with_empty: bool = False


@dataclass(frozen=True)
class AsideFilter:
    """Which goods; empty texts do not filter."""

    tenant: str
    entity: str = ""
    stage: str = ""
    ref: str = ""


class CostReads:
    """Reads without locks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pools(self, wanted: PoolFilter, after: Position, rows: int) -> Sequence[RowMapping]:
        """A page of pools by entity, area and SKU."""
        return await self._page(_POOLS, vars(wanted), after or ["", "", ""], bool(after), rows)

    async def aside(self, wanted: AsideFilter, after: Position, rows: int) -> Sequence[RowMapping]:
        """A page of goods by entity, stage, reference and line."""
        return await self._page(_ASIDE, vars(wanted), after or ["", "", "", ""], bool(after), rows)

    async def compare(self, tenant: str, entity: str) -> Sequence[RowMapping]:
        """Balance and goods of every role that holds goods."""
        roles = [{"stage": stage, "role": stage.role} for stage in Stage]
        arguments = {
            "tenant": tenant,
            "entity": entity,
            "book": BOOK,
            "inventory": INVENTORY,
            "roles": json.dumps(roles),
        }
        return await self._rows(_COMPARE, arguments)

    async def _page(
        self,
        statement: TextClause,
        wanted: Mapping[str, Any],
        after: Sequence[str | int],
        further: bool,
        rows: int,
    ) -> Sequence[RowMapping]:
        behind = {f"after_{n}": value for n, value in enumerate(after)}
        return await self._rows(statement, {**wanted, **behind, "further": further, "rows": rows})

    async def _rows(self, statement: TextClause, arguments: Mapping[str, Any]) -> Sequence[Any]:
        async with self._database.transaction() as connection:
            return (await connection.execute(statement, arguments)).mappings().all()
