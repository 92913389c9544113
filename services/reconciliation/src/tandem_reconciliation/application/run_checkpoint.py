"""Compares both sides of a checkpoint as they stand now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_reconciliation.application.ports import CheckpointRun, ReconciliationTransaction
from tandem_reconciliation.domain.checkpoint import Checkpoint, Materiality, judge
from tandem_reconciliation.domain.exception_case import case_id, update_cases

UNBALANCED_GROUPS_MAX = 10_000
"""Judged in one run, oldest first; more are a flood, and the counts still say how many."""


@dataclass(frozen=True)
class RunCheckpoint:
    """A wish to compare."""

    tenant: str
    checkpoint: Checkpoint
    run_id: str
    materiality: Materiality

    async def handle(self, transaction: ReconciliationTransaction, now: datetime) -> CheckpointRun:
        """Opens, keeps and resolves exceptions; returns the counts."""
        tenant, checkpoint = self.tenant, self.checkpoint
        await transaction.lock_checkpoint(tenant, checkpoint.id)
        population = await transaction.population(tenant, checkpoint.id)
        groups = await transaction.unbalanced(tenant, checkpoint.id, UNBALANCED_GROUPS_MAX)
        verdict = judge(checkpoint, groups, self.materiality, now)
        ids = [case_id(tenant, checkpoint.id, found) for found in verdict.breaks]
        known = await transaction.cases(tenant, checkpoint.id, ids)
        changes = update_cases(tenant, checkpoint.id, verdict.breaks, known, now)
        if len(groups) == UNBALANCED_GROUPS_MAX:
            # A break that was not looked at is not gone.
            changes = replace(changes, resolved=())
        run = CheckpointRun(
            id=self.run_id,
            tenant=tenant,
            checkpoint=checkpoint.id,
            title=checkpoint.title,
            run_at=now,
            population=population,
            waiting_count=verdict.waiting,
            open_exception_count=len(changes.opened) + len(changes.seen),
        )
        await transaction.store(run, changes)
        return run
