"""Who would be hurt by a case, and which steps would help, each simulated on today's stock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tandem_inventory_availability.domain.conflict_case import (
    ConflictCase,
    ConflictPolicy,
    Resolution,
    ResolutionKind,
    Victim,
)
from tandem_inventory_availability.domain.reservation import Reservation
from tandem_inventory_availability.domain.reservation_line import ReservationLine

VICTIMS_MAX = 100
RESOLUTIONS_MAX = 100


@dataclass(frozen=True)
class Elsewhere:
    """Units another location can give: ``room`` keeps off its safety stock, ``reserve`` is that."""

    location: str
    room: int
    reserve: int


@dataclass(frozen=True)
class Incoming:
    """Units of a supply line nobody waits for."""

    supply_line_id: str
    left: int
    ready_at: datetime


@dataclass(frozen=True)
class Situation:
    """Today's stock around a case: who claims it, who else has some, what is on its way.

    ``lost`` are units waited for that will not come, by supply line, and ``unbacked`` quotas drawn
    beyond what is behind them; each is empty unless it is what most units are missing for.
    """

    now: datetime
    claims: Sequence[Reservation]
    elsewhere: Sequence[Elsewhere] = ()
    incoming: Sequence[Incoming] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    unbacked: frozenset[str] = frozenset()


def victims_of(case: ConflictCase, situation: Situation) -> tuple[Victim, ...]:
    """Claims in the order they give way, as far as units are missing: holds before orders, then the
    newest first, so who ordered earlier keeps the promise. Shipped units are never victims.

    They are those of the cause most units are missing for: who waits for lost supply, who drew of a
    quota without backing, or who claims the place.
    """
    order = sorted(situation.claims, key=lambda r: (r.soft, r.created_at, r.id), reverse=True)
    lost = dict(situation.lost)
    victims: list[Victim] = []
    left = case.deficit
    for reservation in order:
        for line in reservation.lines:
            for waits_for, here in _parts(case, situation, reservation, line):
                units = min(left, here, lost.get(waits_for, here))
                if units > 0 and len(victims) < VICTIMS_MAX:
                    victims.append(_victim(reservation, line, units, waits_for))
                    left -= units
                    if waits_for:
                        lost[waits_for] -= units
    return tuple(victims)


def _parts(
    case: ConflictCase, situation: Situation, reservation: Reservation, line: ReservationLine
) -> list[tuple[str, int]]:
    """Units of a line that may be missing, with the supply line they wait for."""
    same = line.place(reservation.tenant) == case.scope.place
    if situation.lost:
        pegs = [x for x in line.pegs if same and x.supply_line_id in situation.lost]
        return [(x.supply_line_id, x.quantity) for x in pegs]
    # What was promised below zero by consent is not missing.
    units = line.on_hand - line.backordered
    if situation.unbacked:
        drawn = [x.quantity for x in line.draws if x.quota_id in situation.unbacked]
        return [("", min(units, sum(drawn)))] if line.sku == case.scope.sku else []
    return [("", units)] if same else []


def _victim(reservation: Reservation, line: ReservationLine, units: int, waits_for: str) -> Victim:
    owner = f"{reservation.owner.type}/{reservation.owner.id}"
    return Victim(
        reservation.id,
        line.line_id,
        owner,
        reservation.channel,
        units,
        reservation.soft,
        line.need_by,
        waits_for,
    )


def break_at(victims: Iterable[Victim], policy: ConflictPolicy) -> datetime | None:
    """When the first promise breaks, less what operations need; None when no victim has a time."""
    times = [victim.need_by for victim in victims if victim.need_by is not None]
    return min(times) - policy.ops_lead if times else None


def propose(
    case: ConflictCase, situation: Situation, policy: ConflictPolicy
) -> tuple[tuple[Victim, ...], tuple[Resolution, ...]]:
    """Victims and steps, mildest first. Steps that take units away each count on those before."""
    victims = victims_of(case, situation)
    ladder = _Ladder(policy, case.deficit, {_name(v): v.quantity for v in victims})
    ladder.drop_holds(victims, situation)
    if situation.lost:
        # What waits claims no shelf: it can only wait for other supply.
        ladder.wait(victims, situation)
    elif case.scope.location:
        ladder.repin(victims, situation)
        ladder.borrow(victims, situation)
        ladder.wait(victims, situation)
        if case.count_asked_at is None:
            ladder.ask(ResolutionKind.RECOUNT, case.scope.location, "the shelf may hold more")
    ladder.ask(ResolutionKind.ASK_OPERATIONS, "", "people may know of stock nobody reported")
    ladder.let_down(victims)
    return victims, tuple(ladder.steps[:RESOLUTIONS_MAX])


def _name(victim: Victim) -> tuple[str, str, str]:
    return victim.reservation_id, victim.line_id, victim.waits_for


@dataclass
class _Ladder:
    policy: ConflictPolicy
    left: int
    open: dict[tuple[str, str, str], int]
    steps: list[Resolution] = field(default_factory=list)

    def drop_holds(self, victims: Sequence[Victim], situation: Situation) -> None:
        old = {
            r.id
            for r in situation.claims
            if r.soft and r.created_at + self.policy.hold_age_max <= situation.now
        }
        for victim in (v for v in victims if v.soft and v.reservation_id in old):
            self._take(ResolutionKind.DROP_HOLD, victim, victim.quantity, "", "held for too long")

    def repin(self, victims: Sequence[Victim], situation: Situation) -> None:
        for place in situation.elsewhere:
            told = f"{place.location} has units to spare"
            self._move(ResolutionKind.REPIN, victims, place.location, place.room, told)

    def borrow(self, victims: Sequence[Victim], situation: Situation) -> None:
        for place in situation.elsewhere:
            told = f"{place.location} keeps units back for safety"
            self._move(ResolutionKind.BORROW_SAFETY, victims, place.location, place.reserve, told)

    def wait(self, victims: Sequence[Victim], situation: Situation) -> None:
        for supply in situation.incoming:
            left = supply.left
            for victim in victims:
                in_time = victim.need_by is None or supply.ready_at <= victim.need_by
                if in_time and not victim.soft:
                    told = f"expected {supply.ready_at.isoformat()}"
                    kind = ResolutionKind.PEG_TO_SUPPLY
                    left -= self._take(kind, victim, left, supply.supply_line_id, told)

    def ask(self, kind: ResolutionKind, target: str, told: str) -> None:
        if self.left:
            self._add(kind, 0, target, None, told)

    def let_down(self, victims: Sequence[Victim]) -> None:
        rest = [(v, self.open[_name(v)]) for v in victims if self.open[_name(v)]]
        for victim, units in rest:
            # Another date frees no unit by itself: whoever keeps the promise releases or waits.
            self._add(ResolutionKind.RE_PROMISE, 0, "", victim, f"{units} units later")
        for victim, units in rest:
            self._take(ResolutionKind.CANCEL, victim, units, "", "nothing else is left")

    def _move(
        self,
        kind: ResolutionKind,
        victims: Sequence[Victim],
        target: str,
        units: int,
        told: str,
    ) -> None:
        for victim in victims:
            units -= self._take(kind, victim, units, target, told)

    def _take(
        self, kind: ResolutionKind, victim: Victim, units: int, target: str, told: str
    ) -> int:
        taken = min(units, self.left, self.open[_name(victim)])
        if taken <= 0:
            return 0
        self.left -= taken
        self.open[_name(victim)] -= taken
        self._add(kind, taken, target, victim, told)
        return taken

    def _add(
        self, kind: ResolutionKind, units: int, target: str, victim: Victim | None, told: str
    ) -> None:
        self.steps.append(
            Resolution(
                number=len(self.steps) + 1,
                kind=kind,
                quantity=units,
                deficit_after=self.left,
                target=target,
                reservation_id=victim.reservation_id if victim else "",
                line_id=victim.line_id if victim else "",
                waits_for=victim.waits_for if victim else "",
                automatic=kind in self.policy.automatic,
                needs_approval=kind in self.policy.two_people,
                explanation=told,
            )
        )
