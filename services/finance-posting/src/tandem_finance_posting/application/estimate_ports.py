"""Estimates as they are kept: versions of figures, and what of their targets is posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tandem_finance_posting.domain.estimates import NOTHING, Cohort, EstimateKind, Target
from tandem_finance_posting.domain.export_batch_lines import canonical_hash


class EstimateState(StrEnum):
    """Where a version is."""

    PROPOSED = "PROPOSED"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


@dataclass(frozen=True)
class EstimateKey:
    """Whose and which estimate."""

    tenant: str
    legal_entity: str
    kind: EstimateKind


@dataclass(frozen=True)
class Estimate:
    """One version of the figures of all cohorts of a kind."""

    key: EstimateKey
    version: int
    state: EstimateState
    currency_code: str
    cohorts: Mapping[str, Cohort]
    note: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str = ""
    decided_at: datetime | None = None

    @property
    def content_hash(self) -> str:
        """What a checker approves."""
        rows = [[name, *_figures(cohort)] for name, cohort in sorted(self.cohorts.items())]
        return canonical_hash([[self.key.kind.value, self.currency_code], *rows])


@dataclass(frozen=True)
class PostedCohort:
    """What of a cohort is in the books, after so many runs."""

    target: Target = NOTHING
    currency_code: str = ""
    runs: int = 0
    run_at: datetime | None = None


@dataclass(frozen=True)
class CohortRun:
    """What a run did with one cohort; ``event_key`` is empty when nothing was posted."""

    cohort: str
    target: Target
    change: Target
    event_key: str = ""


class EstimateStore(Protocol):
    """Estimates inside one open transaction."""

    async def lock(self, key: EstimateKey) -> int:
        """The newest version's number; other writers wait until the transaction is over."""
        ...

    async def in_force(self, key: EstimateKey) -> Estimate | None:
        """The version runs use."""
        ...

    async def version(self, key: EstimateKey, version: int) -> Estimate:
        """One of them. Raises NotFound."""
        ...

    async def save(self, estimate: Estimate) -> None:
        """Inserts it or writes its state."""
        ...

    async def posted(self, key: EstimateKey) -> Mapping[str, PostedCohort]:
        """What is in the books, by cohort."""
        ...

    async def save_posted(
        self, key: EstimateKey, cohorts: Sequence[tuple[str, PostedCohort]]
    ) -> None:
        """Writes what is in the books now."""
        ...

    def tell(self, estimate: Estimate, run: CohortRun, number: int, at: datetime) -> None:
        """Tells other services of a cohort's run number so and so, when the transaction commits."""
        ...


def _figures(cohort: Cohort) -> list[str]:
    return [str(getattr(cohort, item.name)) for item in fields(cohort)]
