"""Settings of the availability service, read once from the environment."""

from __future__ import annotations

from pydantic import Field
from tandem_platform.settings import ServiceSettings


class InventorySettings(ServiceSettings):
    """Everything the availability service can be told."""

    service_name: str = "inventory-availability"
    area: str = "inventory"
    group_commit_batch_max: int = Field(default=256, ge=1)
    """Commands of one transaction; 1 gives each its own, to measure what batching is worth."""
    sweep_interval_s: float = Field(default=1.0, gt=0)
    """Pause between rounds that tidy expired holds; they stop counting by the clock alone."""
    sweep_rows_max: int = Field(default=500, ge=0)
    """Holds tidied in one round; 0 turns the sweeper off."""
    backorder_interval_s: float = Field(default=2.0, gt=0)
    """Pause between rounds that give stock to those it was promised to below zero."""
    source_fresh_s_max: int = Field(default=86_400, ge=1)
    """A source that has not reported for longer makes its answers STALE."""
    publication_interval_s: float = Field(default=0.3, gt=0)
    """Pause between rounds that tell channels what they may promise."""
    conflict_interval_s: float = Field(default=1.0, gt=0)
    """Pause between rounds that look at conflict cases; a change opens them by itself."""
    conflict_grace_s: int = Field(default=60, ge=0)
    """How long nothing must be missing before a case closes by itself."""
    conflict_ops_lead_s: int = Field(default=14_400, ge=0)
    """Time operations need before a promise breaks."""
    lateness_interval_s: float = Field(default=60.0, gt=0)
    """Pause between rounds that tell of overdue supply; it counts as late by the clock alone."""
    stream_watch_interval_s: float = Field(default=5.0, gt=0)
    """Pause between looks at silent sources, missing numbers and accepted snapshots."""
    gap_wait_s: float = Field(default=30.0, gt=0)
    """A number that is missing for longer is asked for again."""
    snapshot_rest_share: float = Field(default=1.5, ge=0)
    """Rest after each part of a snapshot, as a share of the time it took; 0 applies without one."""
    availability_watch_interval_s: float = Field(default=0.1, gt=0)
    """Pause between looks into the journal for streams that watch availability."""
