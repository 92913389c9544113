"""Reads of adjustments and sealed rates."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, text
from tandem_platform.database import Database

from tandem_finance_posting.adapters.postgres.adjustment_rows import COLUMNS, adjustment_of
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind

_LIST = text(f"""
    SELECT {COLUMNS}, number FROM adjustment
    WHERE tenant = :tenant AND kind = :kind AND (:state = '' OR state = :state)
      AND (CAST(:before AS bigint) IS NULL OR number < :before)
    ORDER BY number DESC LIMIT :rows
""")
_RATES = text("""
    SELECT day, from_currency, to_currency, rate_nano FROM currency_rate
    WHERE tenant = :tenant AND (:source = '' OR from_currency = :source)
      AND (CAST(:day AS date) IS NULL
           OR (day, from_currency, to_currency) < (CAST(:day AS date), :after_from, :after_to))
    ORDER BY day DESC, from_currency DESC, to_currency DESC LIMIT :rows
""")


class AdjustmentReads:
    """Reads without locks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def adjustments(
        self,
        tenant: str,
        wanted: tuple[AdjustmentKind, str],
        after: Sequence[str | int] | None,
        rows: int,
    ) -> list[tuple[int, Adjustment]]:
        """A page with their numbers, newest first; ``wanted`` is kind and state, empty for all."""
        arguments = {
            "tenant": tenant,
            "kind": str(wanted[0]),
            "state": wanted[1],
            "before": after[0] if after else None,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            found = (await connection.execute(_LIST, arguments)).mappings().all()
        return [(row["number"], adjustment_of(row)) for row in found]

    async def rates(
        self, tenant: str, source: str, after: Sequence[str | int] | None, rows: int
    ) -> Sequence[RowMapping]:
        """A page of sealed rates, newest day first."""
        arguments = {
            "tenant": tenant,
            "source": source,
            "day": after[0] if after else None,
            "after_from": after[1] if after else "",
            "after_to": after[2] if after else "",
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            return (await connection.execute(_RATES, arguments)).mappings().all()
