"""Units a device may sell while it cannot ask: kept back from everybody else, so that what can be
lost is bounded by what was leased.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.reservation_line import Draw
from tandem_inventory_availability.domain.stock_position import StockKey


class LeaseState(StrEnum):
    """Life of a lease."""

    LIVE = "LIVE"
    RETURNED = "RETURNED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, order=True)
class DeviceKey:
    """Who sells what; it has one live lease at most."""

    stock: StockKey
    channel: str
    device: str


@dataclass(frozen=True)
class LeaseReport:
    """What a device sold; ``breached`` units were beyond its lease."""

    lease_id: str
    report: str
    quantity: int
    breached: int = 0


@dataclass(frozen=True)
class QuotaLease:
    """A lease. The device sells until ``expires_at``; late reports are awaited until ``ends_at``,
    and only then unused units go back. ``used`` counts what was sold, also beyond ``quantity``.
    """

    id: str
    holder: DeviceKey
    quantity: int
    expires_at: datetime
    ends_at: datetime
    created_at: datetime
    used: int = 0
    state: LeaseState = LeaseState.LIVE
    version: int = 1
    draws: tuple[Draw, ...] = ()

    @property
    def tenant(self) -> str:
        """Whose stock it is."""
        return self.holder.stock.tenant

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and id."""
        return self.tenant, self.id

    @property
    def held(self) -> int:
        """Units kept back for it, as long as it is live."""
        return max(0, self.quantity - self.used) if self.state is LeaseState.LIVE else 0

    def over(self, now: datetime) -> bool:
        """True when time and grace are over and nobody tidied it yet."""
        return self.state is LeaseState.LIVE and self.ends_at <= now

    def within(self, quantity: int, sold_at: datetime) -> int:
        """Of sold units, those the lease covered."""
        if self.state is not LeaseState.LIVE or sold_at > self.expires_at:
            return 0
        return min(quantity, self.held)

    def topped_up(self, wanted: QuotaLease, draws: tuple[Draw, ...]) -> QuotaLease:
        """With as many unused units as wanted, at least those it has, and the later end."""
        more = max(0, wanted.quantity - self.held)
        return self._next(
            quantity=max(self.quantity, self.used) + more if more else self.quantity,
            expires_at=max(self.expires_at, wanted.expires_at),
            ends_at=max(self.ends_at, wanted.ends_at),
            draws=(*self.draws, *draws),
        )

    def sold(self, quantity: int, draws: tuple[Draw, ...]) -> QuotaLease:
        """After a sale; ``draws`` are those that stay."""
        return self._next(used=self.used + quantity, draws=draws)

    def ended(self, state: LeaseState) -> QuotaLease:
        """Returned or expired; nothing is kept back any more."""
        return self._next(state=state, draws=())

    def _next(self, **changes: object) -> QuotaLease:
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]  # fields by name
