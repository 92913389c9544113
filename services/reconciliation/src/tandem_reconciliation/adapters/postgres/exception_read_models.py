"""Reads of runs and exceptions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, text
from tandem_platform.database import Database

from tandem_reconciliation.adapters.postgres.case_rows import COLUMNS, to_case
from tandem_reconciliation.application.ports import CheckpointRun, Population
from tandem_reconciliation.domain.exception_case import ExceptionCase

Position = Sequence[str | int] | None

_LIST = text(f"""
    SELECT {COLUMNS} FROM exception_case
    WHERE tenant = :tenant AND (:state = '' OR state = :state)
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (opened_at, id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY opened_at DESC, id DESC LIMIT :rows
""")
_ONE = text(f"""
    SELECT {COLUMNS} FROM exception_case WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")
_RUNS = text("""
    SELECT id::text AS id, tenant, checkpoint, title, run_at, left_count, right_count,
           matched_count, waiting_count, open_exception_count, left_totals, right_totals
    FROM checkpoint_run WHERE tenant = :tenant
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (run_at, id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY run_at DESC, id DESC LIMIT :rows
""")
_TENANTS = text("SELECT DISTINCT tenant FROM observation ORDER BY tenant LIMIT :rows")


class ExceptionReadModels:
    """Reads without locks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def exceptions(
        self, tenant: str, state: str, after: Position, rows: int
    ) -> list[ExceptionCase]:
        """A page of exceptions, newest first; ``after`` is (opened_at, id)."""
        arguments = {"tenant": tenant, "state": state, **_page(after, rows)}
        async with self._database.transaction() as connection:
            found = (await connection.execute(_LIST, arguments)).mappings().all()
        return [to_case(row) for row in found]

    async def exception(self, tenant: str, exception_id: str) -> ExceptionCase | None:
        """One exception, or None."""
        arguments = {"tenant": tenant, "id": exception_id}
        async with self._database.transaction() as connection:
            row = (await connection.execute(_ONE, arguments)).mappings().first()
        return to_case(row) if row else None

    async def runs(self, tenant: str, after: Position, rows: int) -> list[CheckpointRun]:
        """A page of runs, newest first; ``after`` is (run_at, id)."""
        arguments = {"tenant": tenant, **_page(after, rows)}
        async with self._database.transaction() as connection:
            found = (await connection.execute(_RUNS, arguments)).mappings().all()
        return [_run(row) for row in found]

    async def tenants(self, rows: int) -> list[str]:
        """Tenants with observations."""
        async with self._database.transaction() as connection:
            return [row[0] for row in await connection.execute(_TENANTS, {"rows": rows})]


def _page(after: Position, rows: int) -> dict[str, str | int | None]:
    return {
        "after_at": after[0] if after else None,
        "after_id": after[1] if after else None,
        "rows": rows,
    }


def _run(row: RowMapping) -> CheckpointRun:
    return CheckpointRun(
        id=row["id"],
        tenant=row["tenant"],
        checkpoint=row["checkpoint"],
        title=row["title"],
        run_at=row["run_at"],
        population=Population(
            row["left_count"],
            row["right_count"],
            row["matched_count"],
            row["left_totals"],
            row["right_totals"],
        ),
        waiting_count=row["waiting_count"],
        open_exception_count=row["open_exception_count"],
    )
