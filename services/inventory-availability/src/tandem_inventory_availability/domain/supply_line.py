"""Units on their way to a location, and the claims of reservations that wait for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tandem_inventory_availability.domain.policy_rules import BASIS_POINTS, SupplyRule
from tandem_inventory_availability.domain.reservation_line import Peg
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import StockKey

REDATED_BY = timedelta(days=1)
"""Overdue supply is expected this much later, again and again, and never counts as present."""


class SupplyKind(StrEnum):
    """Where units come from."""

    PURCHASE_ORDER = "PURCHASE_ORDER"
    ADVANCE_SHIP_NOTICE = "ADVANCE_SHIP_NOTICE"
    TRANSFER = "TRANSFER"
    RETURN = "RETURN"
    PRODUCTION = "PRODUCTION"


class SupplyState(StrEnum):
    """Life of a supply line."""

    OPEN = "OPEN"
    RECEIVED = "RECEIVED"
    CANCELLED = "CANCELLED"


@dataclass
class SupplyLine:
    """Units expected at a position. ``confidence`` is in basis points; ``pegged`` units wait for
    it in reservations, of which ``pegged_expired`` belong to holds whose time is over.

    ``eta`` and ``confidence`` are as told; `judged` sets what to expect by the clock: ``ready_at``,
    when units can be sold, and ``trust``, what of the confidence is left.
    """

    id: str
    key: StockKey
    kind: SupplyKind
    open: int
    eta: datetime
    confidence: int = BASIS_POINTS
    promiseable: bool = True
    pegged: int = 0
    pegged_expired: int = 0
    received: int = 0
    state: SupplyState = SupplyState.OPEN
    source_location: str = ""
    external_ref: str = ""
    overdue_at: datetime | None = None
    version: int = 0
    ready_at: datetime | None = None
    trust: int | None = None

    @property
    def counted(self) -> int:
        """Units that may be promised of it, rounded down; 0 when it may not be promised."""
        trust = self.confidence if self.trust is None else self.trust
        return self.open * trust // BASIS_POINTS if self.promiseable else 0

    @property
    def left(self) -> int:
        """Of those, the ones nobody waits for yet."""
        return max(0, self.counted - self.pegged + self.pegged_expired)

    @property
    def sellable_from(self) -> datetime:
        """When its units can be sold, as far as is known."""
        return self.ready_at or self.eta

    def judged(self, policy: StockPolicy, now: datetime) -> SupplyLine:
        """The line with what to expect of it by the clock."""
        rule = policy.supply_rule(self.key.sku, self.key.location, now)
        dock = policy.dock_to_stock(self.key.location, now)
        self.ready_at = expected_arrival(self.eta, rule, now) + dock
        self.trust = 0 if now >= self.eta + rule.lateness + rule.zero_after else self.confidence
        return self

    def snapshot(self) -> SupplyLine:
        """A copy that later commands of the batch do not change."""
        return replace(self)


def expected_arrival(eta: datetime, rule: SupplyRule, now: datetime) -> datetime:
    """When supply is expected: as late as it usually is, and never now when it is overdue."""
    expected = eta + rule.lateness
    return expected if expected > now else now + REDATED_BY


def overdue(line: SupplyLine, rule: SupplyRule, now: datetime) -> bool:
    """True when it should have come, late as it usually is."""
    return line.open > 0 and line.eta + rule.lateness <= now


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
    for line in sorted(lines, key=lambda line: (line.sellable_from, line.id)):
        units = min(quantity, line.left - taken.get(line.id, 0))
        if units > 0 and (need_by is None or line.sellable_from <= need_by):
            pegs.append(Peg(line.id, units))
            quantity -= units
    return pegs
