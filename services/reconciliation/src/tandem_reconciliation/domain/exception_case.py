"""An exception: one break, however often it is found; it closes itself when both sides agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tandem_core.ids import deterministic_id

from tandem_reconciliation.domain.checkpoint import Break


class CaseState(StrEnum):
    """Life of an exception."""

    OPEN = "OPEN"
    AUTO_RESOLVED = "AUTO_RESOLVED"


@dataclass(frozen=True)
class ExceptionCase:
    """One break over time. ``version`` counts openings and resolutions."""

    id: str
    tenant: str
    checkpoint: str
    found: Break
    state: CaseState
    opened_at: datetime
    last_seen_at: datetime
    version: int
    resolved_at: datetime | None = None


@dataclass(frozen=True)
class CaseChanges:
    """What a run changes: cases opened or opened again, seen again, and resolved."""

    opened: tuple[ExceptionCase, ...]
    seen: tuple[ExceptionCase, ...]
    resolved: tuple[ExceptionCase, ...]


def case_id(tenant: str, checkpoint: str, found: Break) -> str:
    """The same break is the same exception."""
    return deterministic_id("exception", tenant, checkpoint, found.type, found.key)


def update_cases(
    tenant: str,
    checkpoint: str,
    breaks: Iterable[Break],
    known: Mapping[str, ExceptionCase],
    now: datetime,
) -> CaseChanges:
    """Opens what is new, keeps what is still there, resolves what is gone.

    ``known`` holds the checkpoint's open cases, and any of these breaks that were resolved before.
    """
    opened, seen, current = [], [], set()
    for found in breaks:
        identity = case_id(tenant, checkpoint, found)
        current.add(identity)
        before = known.get(identity)
        if before is not None and before.state is CaseState.OPEN:
            seen.append(replace(before, found=found, last_seen_at=now))
        else:
            version = before.version + 1 if before else 1
            opened.append(
                ExceptionCase(
                    identity, tenant, checkpoint, found, CaseState.OPEN, now, now, version
                )
            )
    resolved = [
        replace(
            case,
            state=CaseState.AUTO_RESOLVED,
            resolved_at=now,
            version=case.version + 1,
        )
        for case in known.values()
        if case.state is CaseState.OPEN and case.id not in current
    ]
    return CaseChanges(tuple(opened), tuple(seen), tuple(resolved))
