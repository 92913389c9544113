"""Reserve: claims the lines of an owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.policy_rules import FulfilmentMode
from tandem_inventory_availability.domain.reservation import (
    OwnerKey,
    Reservation,
    ReservationState,
)
from tandem_inventory_availability.domain.reservation_line import ReservationLine
from tandem_inventory_availability.domain.reserving import (
    ExpectedPosition,
    ReserveMode,
    check_expected,
    reserve,
)
from tandem_inventory_availability.domain.stock_book import Origin, StockBook


@dataclass(frozen=True)
class Reserve:
    """A claim: when ``soft`` a hold that ends, by default as the channel's rule says."""

    reservation_id: str
    owner: OwnerKey
    channel: str
    soft: bool
    lines: tuple[ReservationLine, ...]
    time_to_live: timedelta | None = None
    how: ReserveMode = ReserveMode.ATOMIC
    mode: FulfilmentMode | None = None
    step: str = ""
    expected: tuple[ExpectedPosition, ...] = ()
    origin: Origin = field(default_factory=dict)

    def needs(self) -> Needs:
        """Its places, and what the owner holds already."""
        places = tuple(line.place(self.owner.tenant) for line in self.lines)
        keys = tuple(expected.key for expected in self.expected)
        return Needs(keys=keys, places=places, owners=(self.owner,), channel=self.channel)

    def decide(self, book: StockBook) -> Reservation:
        """Makes the reservation."""
        check_expected(book, self.expected)
        lasts = self._lasts(book) if self.soft else None
        wanted = Reservation(
            id=self.reservation_id,
            owner=self.owner,
            channel=self.channel,
            state=ReservationState.CONFIRMED if lasts is None else ReservationState.HELD,
            expires_at=None if lasts is None else book.now + lasts,
            version=1,
            lines=self.lines,
            created_at=book.now,
            mode=self.mode,
            step=self.step,
        )
        return reserve(book, wanted, self.how)

    def _lasts(self, book: StockBook) -> timedelta:
        rule = book.policy(self.owner.tenant).hold_rule(self.channel, self.step, book.now)
        return min(self.time_to_live or rule.time_to_live, rule.lifetime_max)
