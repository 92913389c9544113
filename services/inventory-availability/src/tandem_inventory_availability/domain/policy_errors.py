"""What can be wrong with a change of the configuration.

DomainError
├── BundleNested          BUNDLE_NESTED
├── GroupClaimed          GROUP_CLAIMED
├── PolicyVersionMoved    POLICY_VERSION
└── PolicyWindowsOverlap  POLICY_WINDOWS_OVERLAP
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class BundleNested(DomainError):
    """A bundle consists of another bundle or of itself; what it needs could not be counted."""

    reason: ClassVar[str] = "BUNDLE_NESTED"
    bundle: str
    component: str


@dataclass(eq=False)
class GroupClaimed(DomainError):
    """Units are claimed of the group and not pinned yet; they would stand for nothing."""

    reason: ClassVar[str] = "GROUP_CLAIMED"
    group: str
    sku: str


@dataclass(eq=False)
class PolicyVersionMoved(DomainError):
    """The configuration changed since the caller read it."""

    reason: ClassVar[str] = "POLICY_VERSION"
    expected: int
    actual: int


@dataclass(eq=False)
class PolicyWindowsOverlap(DomainError):
    """Two entries of one id would be effective at the same moment."""

    reason: ClassVar[str] = "POLICY_WINDOWS_OVERLAP"
    kind: str
    id: str
    field: str
