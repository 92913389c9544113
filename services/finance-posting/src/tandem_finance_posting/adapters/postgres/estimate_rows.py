"""Rows of estimates: every version of the figures, and what is posted by cohort."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.errors import NotFound
from tandem_platform.event_journal import JournalEvent, event_from

from tandem_finance_posting.adapters.wire.estimate_mapping import to_trued_up
from tandem_finance_posting.application.estimate_ports import (
    CohortRun,
    Estimate,
    EstimateKey,
    EstimateState,
    PostedCohort,
)
from tandem_finance_posting.domain.estimates import COHORTS, EstimateKind, Target

AGGREGATE = "estimate"
_KEY = "tenant = :tenant AND legal_entity = :entity AND kind = :kind"
# A row to lock is not there before the first proposal, so the name is locked instead.
_LOCK = text("""
    SELECT pg_advisory_xact_lock(hashtextextended(
        'estimate' || chr(31) || :tenant || chr(31) || :entity || chr(31) || :kind, 0))
""")
_NEWEST = text(f"SELECT coalesce(max(version), 0) FROM estimate WHERE {_KEY}")
_ACTIVE = text(f"SELECT * FROM estimate WHERE {_KEY} AND state = 'ACTIVE'")
_ONE = text(f"SELECT * FROM estimate WHERE {_KEY} AND version = :version")
_SAVE = text("""
    INSERT INTO estimate (tenant, legal_entity, kind, version, state, currency_code, cohorts,
        content_hash, note, proposed_by, proposed_at, decided_by, decided_at)
    VALUES (:tenant, :entity, :kind, :version, :state, :currency_code, CAST(:cohorts AS jsonb),
        :content_hash, :note, :proposed_by, :proposed_at, :decided_by, :decided_at)
    ON CONFLICT (tenant, legal_entity, kind, version) DO UPDATE SET state = excluded.state,
        decided_by = excluded.decided_by, decided_at = excluded.decided_at
""")
_POSTED = text(f"SELECT * FROM estimate_cohort WHERE {_KEY}")
_SAVE_POSTED = text("""
    INSERT INTO estimate_cohort (tenant, legal_entity, kind, cohort, currency_code,
        liability_minor, asset_minor, runs, run_at)
    SELECT :tenant, :entity, :kind, c.cohort, c.currency, c.liability, c.asset, c.runs, c.run_at
    FROM json_to_recordset(CAST(:rows AS json))
         AS c (cohort text, currency text, liability bigint, asset bigint, runs integer,
               run_at timestamptz)
    ON CONFLICT (tenant, legal_entity, kind, cohort) DO UPDATE SET
        liability_minor = excluded.liability_minor, asset_minor = excluded.asset_minor,
        runs = excluded.runs, run_at = excluded.run_at
""")
_LIST = text(f"""
    SELECT * FROM estimate_cohort WHERE {_KEY} AND cohort COLLATE "C" > :after
    ORDER BY cohort COLLATE "C" LIMIT :rows
""")


class PostgresEstimates:
    """Estimates on one open connection; ``record`` takes what is told on commit."""

    def __init__(
        self, connection: AsyncConnection, record: Callable[[JournalEvent], None] | None = None
    ) -> None:
        self._connection = connection
        self._record = record

    async def lock(self, key: EstimateKey) -> int:
        """The newest version's number; other writers of this estimate wait."""
        await self._connection.execute(_LOCK, _at(key))
        return int((await self._connection.execute(_NEWEST, _at(key))).scalar_one())

    async def in_force(self, key: EstimateKey) -> Estimate | None:
        """The version runs use."""
        row = (await self._connection.execute(_ACTIVE, _at(key))).mappings().first()
        return _estimate(row) if row else None

    async def version(self, key: EstimateKey, version: int) -> Estimate:
        """One of them. Raises NotFound."""
        arguments = {**_at(key), "version": version}
        row = (await self._connection.execute(_ONE, arguments)).mappings().first()
        if row is None:
            raise NotFound("estimate", str(version))
        return _estimate(row)

    async def save(self, estimate: Estimate) -> None:
        """Inserts it or writes its state."""
        cohorts = {name: vars(cohort) for name, cohort in estimate.cohorts.items()}
        values = {
            **_at(estimate.key),
            "version": estimate.version,
            "state": estimate.state.value,
            "currency_code": estimate.currency_code,
            "cohorts": json.dumps(cohorts),
            "content_hash": estimate.content_hash,
            "note": estimate.note,
            "proposed_by": estimate.proposed_by,
            "proposed_at": estimate.proposed_at,
            "decided_by": estimate.decided_by,
            "decided_at": estimate.decided_at,
        }
        await self._connection.execute(_SAVE, values)

    async def posted(self, key: EstimateKey) -> Mapping[str, PostedCohort]:
        """What is in the books, by cohort."""
        found = await self._connection.execute(_POSTED, _at(key))
        return {row["cohort"]: posted_of(row) for row in found.mappings()}

    async def save_posted(
        self, key: EstimateKey, cohorts: Sequence[tuple[str, PostedCohort]]
    ) -> None:
        """Writes what is in the books now."""
        rows = [
            {
                "cohort": name,
                "currency": posted.currency_code,
                "liability": posted.target.liability,
                "asset": posted.target.asset,
                "runs": posted.runs,
                "run_at": posted.run_at.isoformat() if posted.run_at else None,
            }
            for name, posted in cohorts
        ]
        if rows:
            await self._connection.execute(_SAVE_POSTED, {**_at(key), "rows": json.dumps(rows)})

    def tell(self, estimate: Estimate, run: CohortRun, number: int, at: datetime) -> None:
        """Tells other services of a run when the transaction commits."""
        if self._record is None:
            return
        key = estimate.key
        self._record(
            event_from(
                to_trued_up(estimate, run),
                aggregate_type=AGGREGATE,
                aggregate_id=f"{key.legal_entity}:{key.kind.value}:{run.cohort}",
                aggregate_version=number,
                occurred_at=at,
                tenant=key.tenant,
            )
        )


async def posted_cohorts(
    connection: AsyncConnection, key: EstimateKey, after: str, rows: int
) -> Sequence[RowMapping]:
    """What is in the books, by name, behind one."""
    arguments = {**_at(key), "after": after, "rows": rows}
    return (await connection.execute(_LIST, arguments)).mappings().all()


def posted_of(row: RowMapping) -> PostedCohort:
    """What is in the books of a cohort, from its row."""
    target = Target(row["liability_minor"], row["asset_minor"])
    return PostedCohort(target, row["currency_code"], row["runs"], row["run_at"])


def _estimate(row: RowMapping) -> Estimate:
    kind = EstimateKind(row["kind"])
    return Estimate(
        key=EstimateKey(row["tenant"], row["legal_entity"], kind),
        version=row["version"],
        state=EstimateState(row["state"]),
        currency_code=row["currency_code"],
        cohorts={name: COHORTS[kind](**figures) for name, figures in row["cohorts"].items()},
        note=row["note"],
        proposed_by=row["proposed_by"],
        proposed_at=row["proposed_at"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )


def _at(key: EstimateKey) -> dict[str, object]:
    return {"tenant": key.tenant, "entity": key.legal_entity, "kind": key.kind.value}
