"""Rows of runs and exceptions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_reconciliation.application.ports import CheckpointRun
from tandem_reconciliation.domain.checkpoint import Break, Severity
from tandem_reconciliation.domain.exception_case import CaseState, ExceptionCase

COLUMNS = """
    id::text AS id, tenant, checkpoint, type, key, state, severity, amount, currency_code,
    left_detail, right_detail, order_id, trace_id, opened_at, last_seen_at, resolved_at, version
"""
_CASES = text(f"""
    SELECT {COLUMNS} FROM exception_case WHERE tenant = :tenant AND checkpoint = :checkpoint
      AND (state = 'OPEN' OR id = ANY(CAST(:ids AS uuid[])))
    ORDER BY id FOR UPDATE
""")
_SAVE = text("""
    INSERT INTO exception_case (tenant, id, checkpoint, type, key, state, severity, amount,
        currency_code, left_detail, right_detail, order_id, trace_id, opened_at, last_seen_at,
        resolved_at, version)
    SELECT tenant, id, checkpoint, type, key, state, severity, amount, currency_code,
           left_detail, right_detail, order_id, trace_id, opened_at, last_seen_at, resolved_at,
           version
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS c (tenant text, id uuid, checkpoint text, type text, key text, state text,
               severity text, amount bigint, currency_code text, left_detail text,
               right_detail text, order_id text, trace_id text, opened_at timestamptz,
               last_seen_at timestamptz, resolved_at timestamptz, version bigint)
    ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state, severity = excluded.severity,
        amount = excluded.amount, left_detail = excluded.left_detail,
        right_detail = excluded.right_detail, opened_at = excluded.opened_at,
        last_seen_at = excluded.last_seen_at, resolved_at = excluded.resolved_at,
        version = excluded.version
""")
_RUN = text("""
    INSERT INTO checkpoint_run (tenant, id, checkpoint, title, run_at, left_count, right_count,
        matched_count, waiting_count, open_exception_count, left_totals, right_totals)
    VALUES (:tenant, CAST(:id AS uuid), :checkpoint, :title, :run_at, :left_count, :right_count,
        :matched_count, :waiting_count, :open_exception_count, CAST(:left_totals AS jsonb),
        CAST(:right_totals AS jsonb))
""")


async def cases(
    connection: AsyncConnection, tenant: str, checkpoint: str, ids: Sequence[str]
) -> dict[str, ExceptionCase]:
    """The open cases of a checkpoint, and these ids in whatever state; locked."""
    arguments = {"tenant": tenant, "checkpoint": checkpoint, "ids": list(ids)}
    found = (await connection.execute(_CASES, arguments)).mappings()
    return {row["id"]: to_case(row) for row in found}


def to_case(row: RowMapping) -> ExceptionCase:
    """The case of a row."""
    return ExceptionCase(
        id=row["id"],
        tenant=row["tenant"],
        checkpoint=row["checkpoint"],
        found=Break(
            type=row["type"],
            key=row["key"],
            amount=row["amount"],
            currency_code=row["currency_code"],
            left_detail=row["left_detail"],
            right_detail=row["right_detail"],
            order_id=row["order_id"],
            trace_id=row["trace_id"],
            severity=Severity(row["severity"]),
        ),
        state=CaseState(row["state"]),
        opened_at=row["opened_at"],
        last_seen_at=row["last_seen_at"],
        version=row["version"],
        resolved_at=row["resolved_at"],
    )


async def write_cases(connection: AsyncConnection, changed: Sequence[ExceptionCase]) -> None:
    """Inserts or updates cases."""
    if changed:
        rows = json.dumps([_row(case) for case in changed])
        await connection.execute(_SAVE, {"rows": rows})


def _row(case: ExceptionCase) -> dict[str, Any]:
    found = case.found
    return {
        "tenant": case.tenant,
        "id": case.id,
        "checkpoint": case.checkpoint,
        "type": found.type,
        "key": found.key,
        "state": case.state.value,
        "severity": found.severity.value,
        "amount": found.amount,
        "currency_code": found.currency_code,
        "left_detail": found.left_detail,
        "right_detail": found.right_detail,
        "order_id": found.order_id,
        "trace_id": found.trace_id,
        "opened_at": case.opened_at.isoformat(),
        "last_seen_at": case.last_seen_at.isoformat(),
        "resolved_at": case.resolved_at.isoformat() if case.resolved_at else None,
        "version": case.version,
    }


async def write_run(connection: AsyncConnection, run: CheckpointRun) -> None:
    """Keeps a run."""
    counted = run.population
    await connection.execute(
        _RUN,
        {
            "tenant": run.tenant,
            "id": run.id,
            "checkpoint": run.checkpoint,
            "title": run.title,
            "run_at": run.run_at,
            "left_count": counted.left_count,
            "right_count": counted.right_count,
            "matched_count": counted.matched_count,
            "waiting_count": run.waiting_count,
            "open_exception_count": run.open_exception_count,
            "left_totals": json.dumps(dict(counted.left_totals)),
            "right_totals": json.dumps(dict(counted.right_totals)),
        },
    )
