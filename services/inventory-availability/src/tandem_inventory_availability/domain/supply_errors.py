"""What can be wrong with supply.

DomainError
├── SupplyLineFixed  SUPPLY_LINE_FIXED
├── SupplyLineState  SUPPLY_LINE_STATE
└── TransferKnown    TRANSFER_KNOWN
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class SupplyLineFixed(DomainError):
    """SKU, location and kind of a supply line stay; another line is needed."""

    reason: ClassVar[str] = "SUPPLY_LINE_FIXED"
    supply_line_id: str
    field: str


@dataclass(eq=False)
class SupplyLineState(DomainError):
    """The state or kind of the supply line does not allow the step."""

    reason: ClassVar[str] = "SUPPLY_LINE_STATE"
    supply_line_id: str
    state: str


@dataclass(eq=False)
class TransferKnown(DomainError):
    """The id of the transfer is taken by another one."""

    reason: ClassVar[str] = "TRANSFER_KNOWN"
    transfer_id: str
