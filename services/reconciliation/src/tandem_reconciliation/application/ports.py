"""What reconciliation needs of the outside, in its own terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_reconciliation.domain.exception_case import CaseChanges, ExceptionCase
from tandem_reconciliation.domain.observation import Group, Observation


@dataclass(frozen=True)
class Population:
    """What a checkpoint compares, counted: groups on each side, groups that agree, sums."""

    left_count: int
    right_count: int
    matched_count: int
    left_totals: Mapping[str, int]
    right_totals: Mapping[str, int]


@dataclass(frozen=True)
class CheckpointRun:
    """One comparison and what it found."""

    id: str
    tenant: str
    checkpoint: str
    title: str
    run_at: datetime
    population: Population
    waiting_count: int
    open_exception_count: int


class ReconciliationTransaction(Protocol):
    """The rows of reconciliation inside one open transaction."""

    async def observe(self, observations: Sequence[Observation]) -> None:
        """Keeps observations; one kept before counts once."""
        ...

    async def lock_checkpoint(self, tenant: str, checkpoint: str) -> None:
        """Waits until no other run of the checkpoint is under way."""
        ...

    async def population(self, tenant: str, checkpoint: str) -> Population:
        """Counts and sums."""
        ...

    async def unbalanced(self, tenant: str, checkpoint: str, rows: int) -> list[Group]:
        """Groups whose sides differ, oldest first."""
        ...

    async def cases(
        self, tenant: str, checkpoint: str, ids: Sequence[str]
    ) -> dict[str, ExceptionCase]:
        """The open cases of a checkpoint, and these ids in whatever state."""
        ...

    async def store(self, run: CheckpointRun, changes: CaseChanges) -> None:
        """Writes the run and the cases; openings and resolutions go to the event journal."""
        ...
