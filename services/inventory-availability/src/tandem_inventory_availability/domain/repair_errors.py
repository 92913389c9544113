"""What can be wrong with a repair.

DomainError
├── RepairStateWrong   REPAIR_STATE
└── RepairNeedsOther   REPAIR_APPROVER
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class RepairStateWrong(DomainError):
    """The repair was carried out already."""

    reason: ClassVar[str] = "REPAIR_STATE"
    repair_id: str
    state: str


@dataclass(eq=False)
class RepairNeedsOther(DomainError):
    """Whoever asked for a repair cannot approve it."""

    reason: ClassVar[str] = "REPAIR_APPROVER"
    repair_id: str
    asked_by: str
