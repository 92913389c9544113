"""What can be wrong with plans, draws and leases.

DomainError
├── QuotaExhausted          QUOTA_EXHAUSTED
├── AllocationLevelMixed    ALLOCATION_LEVEL
├── PlanChanged             PLAN_CHANGED
└── ReportReused            LEASE_REPORT_REUSED
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class QuotaExhausted(DomainError):
    """There is stock, but not for this channel."""

    reason: ClassVar[str] = "QUOTA_EXHAUSTED"
    sku: str
    scope: str
    channel: str
    requested: int
    available: int


@dataclass(eq=False)
class AllocationLevelMixed(DomainError):
    """Plans of one SKU would share the same units out twice."""

    reason: ClassVar[str] = "ALLOCATION_LEVEL"
    sku: str
    scope: str
    other_scope: str


@dataclass(eq=False)
class PlanChanged(DomainError):
    """The plan changed since the caller read it."""

    reason: ClassVar[str] = "PLAN_CHANGED"
    sku: str
    scope: str
    expected: int
    actual: int


@dataclass(eq=False)
class ReportReused(DomainError):
    """A device's report number was used for another sale."""

    reason: ClassVar[str] = "LEASE_REPORT_REUSED"
    lease_id: str
    report: str
