"""What a claim draws from the allocation of its channel, on top of what a step already draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tandem_inventory_availability.domain.allocation import channel_available, draw
from tandem_inventory_availability.domain.allocation_plan import AllocationPlan, PlanKey
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_line import (
    Draw,
    LineKey,
    Place,
    ReservationLine,
)
from tandem_inventory_availability.domain.room import Demand, Room
from tandem_inventory_availability.domain.stock_book import StockBook


@dataclass
class Drawing:
    """The plans as a step of one channel leaves them; the book itself is not changed."""

    book: StockBook
    channel: str
    plans: dict[PlanKey, AllocationPlan] = field(default_factory=dict)

    def room(self, place: Place, demand: Demand) -> int | None:
        """Units the channel may claim of a place; None where nothing shares its stock out."""
        plan = self._plan(place)
        if plan is None:
            return None
        return channel_available(plan, self._pool(plan, demand), self.channel, self.book.now)

    def take(self, place: Place, quantity: int, demand: Demand) -> tuple[Draw, ...]:
        """The pots of a claim that the demand does not contain yet. Raises QuotaExhausted."""
        plan = self._plan(place)
        if plan is None or not quantity:
            return ()
        pool = self._pool(plan, demand)
        draws = draw(plan, pool, self.channel, quantity, self.book.now)
        self.plans[plan.key] = plan.taking(self.channel, draws)
        return draws

    def give(self, reservation: Reservation, quantities: Mapping[LineKey, int]) -> None:
        """Returns what units of a reservation drew, to the pots of its channel."""
        for line in reservation.lines:
            _, draws = line.undrawn(quantities.get(line.key, 0))
            plan = self._plan(line.place(reservation.tenant)) if draws else None
            if plan is not None:
                self.plans[plan.key] = plan.giving(reservation.channel, draws)

    def moved(
        self, old: ReservationLine, parts: list[ReservationLine], tenant: str, demand: Demand
    ) -> list[ReservationLine]:
        """The parts of a line after a pin, the pinned one last: its draws go along within one plan,
        and are returned and taken anew where another plan holds. Raises QuotaExhausted."""
        pinned = parts[-1]
        before, after = self._plan(old.place(tenant)), self._plan(pinned.place(tenant))
        if before is not None and after is not None and before.key == after.key:
            return parts
        if before is not None:
            self.plans[before.key] = before.giving(self.channel, pinned.draws)
        draws = self.take(pinned.place(tenant), pinned.quantity, demand)
        return [*parts[:-1], replace(pinned, draws=draws)]

    def _plan(self, place: Place) -> AllocationPlan | None:
        found = self.book.plan_of(place)
        return None if found is None else self.plans.get(found.key, found)

    def _pool(self, plan: AllocationPlan, demand: Demand) -> int:
        # Without a mode: what is a channel's own must not depend on how somebody wants his goods.
        return Room(self.book, demand).unclamped(plan.place)
