"""Units on their way to a location, and the claims of reservations that wait for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.policy_rules import BASIS_POINTS
from tandem_inventory_availability.domain.reservation_line import Peg
from tandem_inventory_availability.domain.stock_position import StockKey


class SupplyKind(StrEnum):
    """Where units come from."""

    PURCHASE_ORDER = "PURCHASE_ORDER"
    ADVANCE_SHIP_NOTICE = "ADVANCE_SHIP_NOTICE"
    TRANSFER = "TRANSFER"
    RETURN = "RETURN"
    PRODUCTION = "PRODUCTION"


@dataclass
class SupplyLine:
    """Units expected at a position. ``confidence`` is in basis points; ``pegged`` units wait for
    it in reservations, of which ``pegged_expired`` belong to holds whose time is over."""

    id: str
    key: StockKey
    kind: SupplyKind
    open: int
    eta: datetime
    confidence: int = BASIS_POINTS
    promiseable: bool = True
    pegged: int = 0
    pegged_expired: int = 0

    @property
    def counted(self) -> int:
        """Units that may be promised of it, rounded down; 0 when it may not be promised."""
        return self.open * self.confidence // BASIS_POINTS if self.promiseable else 0

    @property
    def left(self) -> int:
        """Of those, the ones nobody waits for yet."""
        return max(0, self.counted - self.pegged + self.pegged_expired)


def peg(
    lines: Sequence[SupplyLine],
    quantity: int,
    need_by: datetime | None,
    taken: Mapping[str, int],
) -> list[Peg]:
    """Claims up to that many units of supply that arrives in time, the earliest first.

    ``taken`` are units of supply lines already claimed in the same step.
    """
    pegs: list[Peg] = []
    for line in sorted(lines, key=lambda line: (line.eta, line.id)):
        units = min(quantity, line.left - taken.get(line.id, 0))
        if units > 0 and (need_by is None or line.eta <= need_by):
            pegs.append(Peg(line.id, units))
            quantity -= units
    return pegs
