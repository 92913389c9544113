"""Units claimed of a sourcing group and not pinned to a location yet."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_inventory_availability.domain.reservation_line import GroupKey


@dataclass
class GroupClaim:
    """The unpinned claims of one SKU in one group. ``soft`` holds everything held,
    ``soft_expired`` the part whose time is over and that claims nothing any more."""

    key: GroupKey
    hard: int = 0
    soft: int = 0
    soft_expired: int = 0
    in_conflict: bool = False

    @property
    def units(self) -> int:
        """Units that are claimed now."""
        return self.hard + self.soft - self.soft_expired
