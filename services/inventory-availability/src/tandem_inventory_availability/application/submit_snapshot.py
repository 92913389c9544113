"""SubmitSnapshot: a whole snapshot in one stream, header, rows and end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tandem_core.errors import DomainError, FieldViolation, ValidationFailed

from tandem_inventory_availability.application.signal_ports import SnapshotJob
from tandem_inventory_availability.domain.snapshot_file import SnapshotHeader

Rows = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class SnapshotPart:
    """A part of the stream: its header, or rows."""

    request_id: str
    header: SnapshotHeader | None
    rows: Rows


class SnapshotSteps(Protocol):
    """The steps of a snapshot, each a transaction of its own."""

    async def open(self, job_id: str, header: SnapshotHeader) -> SnapshotJob:
        """The job: a new one, or the one of a stream that broke."""
        ...

    async def add_rows(self, job_id: str, rows: Rows) -> None:
        """Keeps rows."""
        ...

    async def close(self, job_id: str) -> SnapshotJob | DomainError:
        """The accepted job, or why it was refused."""
        ...


async def submit_snapshot(
    steps: SnapshotSteps, parts: AsyncIterator[SnapshotPart], job_of: Callable[[str], str]
) -> SnapshotJob:
    """The accepted job; ``job_of`` names the job of a request, so a repeat meets the same one.

    Raises ValidationFailed when rows come before the header or another header follows, and what
    the steps raise.
    """
    job: SnapshotJob | None = None
    async for part in parts:
        if (part.header is None) is (job is None):
            description = "comes first and once"
            raise ValidationFailed([FieldViolation("header", description, "first")])
        if part.header is not None:
            job = await steps.open(job_of(part.request_id), part.header)
        elif job is not None and job.state == "OPEN":
            await steps.add_rows(job.id, part.rows)
    if job is None:
        raise ValidationFailed([FieldViolation("header", "is missing", "required")])
    if job.state != "OPEN":
        return job
    closed = await steps.close(job.id)
    if isinstance(closed, DomainError):
        raise closed
    return closed
