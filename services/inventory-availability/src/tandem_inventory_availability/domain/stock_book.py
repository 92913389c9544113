"""The rows a batch may change, locked and in memory: pure rules decide on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tandem_core.errors import NotFound

from tandem_inventory_availability.domain.allocation_plan import (
    AllocationPlan,
    PlanKey,
    plan_of,
)
from tandem_inventory_availability.domain.conflict_case import ConflictCase, Resolution
from tandem_inventory_availability.domain.errors import (
    GroupUnknown,
    LocationUnknown,
    SkuUnknown,
)
from tandem_inventory_availability.domain.group_claim import GroupClaim
from tandem_inventory_availability.domain.policy_rules import SourcingGroup
from tandem_inventory_availability.domain.quota_lease import LeaseReport, QuotaLease
from tandem_inventory_availability.domain.reservation import (
    LIVE,
    OwnerKey,
    Reservation,
    ReservationState,
)
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.shipment_evidence import EvidenceKey, ShipmentEvidence
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import StockKey, StockPosition
from tandem_inventory_availability.domain.supply_line import SupplyLine

Origin = Mapping[str, str]
"""Trace headers of whoever asked for a change."""


@dataclass(frozen=True, order=True)
class BookedLine:
    """A sale or return line that moved stock; it does so once. ``kind`` is SALE or RETURN."""

    tenant: str
    kind: str
    reference: str
    line_id: str


@dataclass(frozen=True)
class ReservationStep:
    """One change of a reservation: how it stands after it, and why."""

    reservation: Reservation
    cause: str
    origin: Origin


@dataclass(frozen=True)
class SupplyStep:
    """One change of a supply line: how it stands after it, and why. ``difference`` are units more
    (or fewer) than were expected."""

    line: SupplyLine
    cause: str
    origin: Origin
    difference: int = 0
    reason: str = ""


@dataclass(frozen=True)
class LeaseStep:
    """One change of a lease: how it stands after it, and why."""

    lease: QuotaLease
    cause: str
    report: LeaseReport | None
    origin: Origin


@dataclass(frozen=True)
class CaseNote:
    """Why a case changed: a reason given, a step carried out and who agreed to it."""

    reason: str = ""
    resolution: Resolution | None = None
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaseStep:
    """One change of a conflict case: how it stands after it, and why."""

    case: ConflictCase
    cause: str
    note: CaseNote
    origin: Origin


@dataclass
class StockBook:
    """State of a batch at one moment. ``origin`` is set before each command."""

    now: datetime
    policies: dict[str, StockPolicy] = field(default_factory=dict)
    positions: dict[StockKey, StockPosition] = field(default_factory=dict)
    group_claims: dict[GroupKey, GroupClaim] = field(default_factory=dict)
    supply: dict[tuple[str, str], SupplyLine] = field(default_factory=dict)
    plans: dict[PlanKey, AllocationPlan] = field(default_factory=dict)
    leases: dict[tuple[str, str], QuotaLease] = field(default_factory=dict)
    lease_reports: dict[tuple[str, str, str], LeaseReport] = field(default_factory=dict)
    cases: dict[tuple[str, str], ConflictCase] = field(default_factory=dict)
    known_skus: set[tuple[str, str]] = field(default_factory=set)
    reservations: dict[tuple[str, str], Reservation] = field(default_factory=dict)
    live: dict[OwnerKey, set[str]] = field(default_factory=dict)
    evidence: dict[EvidenceKey, ShipmentEvidence] = field(default_factory=dict)
    booked: set[BookedLine] = field(default_factory=set)
    origin: Origin = field(default_factory=dict)

    changed: dict[StockKey, Origin] = field(default_factory=dict)
    changed_groups: dict[GroupKey, Origin] = field(default_factory=dict)
    changed_plans: set[PlanKey] = field(default_factory=set)
    planned: list[tuple[AllocationPlan, Origin]] = field(default_factory=list)
    lease_steps: list[LeaseStep] = field(default_factory=list)
    new_lease_reports: list[tuple[str, LeaseReport]] = field(default_factory=list)
    case_steps: list[CaseStep] = field(default_factory=list)
    watched: set[Place] = field(default_factory=set)
    recounts: dict[StockKey, str] = field(default_factory=dict)
    changed_supply: set[tuple[str, str]] = field(default_factory=set)
    supply_steps: list[SupplyStep] = field(default_factory=list)
    steps: list[ReservationStep] = field(default_factory=list)
    newly_booked: list[BookedLine] = field(default_factory=list)
    changed_evidence: set[EvidenceKey] = field(default_factory=set)

    def remember(self, reservations: Iterable[Reservation]) -> None:
        """Takes loaded reservations in."""
        for reservation in reservations:
            self._keep(reservation)

    def position(self, key: StockKey, place: str) -> StockPosition:
        """The position of a known SKU and location; ``place`` is the field that names them.

        Raises SkuUnknown, LocationUnknown.
        """
        if (found := self.positions.get(key)) is not None:
            return found
        prefix = f"{place}." if place else ""
        if (key.tenant, key.sku) not in self.known_skus:
            raise SkuUnknown(key.sku, f"{prefix}sku")
        raise LocationUnknown(key.location, f"{prefix}location")

    def policy(self, tenant: str) -> StockPolicy:
        """What the tenant decided, as loaded with the batch."""
        return self.policies[tenant]

    def group(self, key: GroupKey, place: str) -> SourcingGroup:
        """A group as it is now; ``place`` is the field that names it.

        Raises SkuUnknown, GroupUnknown.
        """
        found = self.policy(key.tenant).group(key.group, self.now)
        prefix = f"{place}." if place else ""
        if (key.tenant, key.sku) not in self.known_skus:
            raise SkuUnknown(key.sku, f"{prefix}sku")
        if found is None:
            raise GroupUnknown(key.group, f"{prefix}group")
        return found

    def claim(self, place: Place, quantity: int, *, soft: bool) -> None:
        """Claims units of a place, or gives them back when negative."""
        if not quantity:
            return
        claimed = self.change_group(place) if isinstance(place, GroupKey) else self.change(place)
        if soft:
            claimed.soft += quantity
        else:
            claimed.hard += quantity

    def supply_of(self, key: StockKey) -> list[SupplyLine]:
        """Supply lines of a position."""
        return [line for line in self.supply.values() if line.key == key]

    def peg(self, tenant: str, supply_line_id: str, quantity: int) -> None:
        """Claims units of a supply line, or gives them back when negative.

        A line that was received or cancelled is not there any more: it holds no claims.
        """
        line = self.supply.get((tenant, supply_line_id))
        if line is not None:
            line.pegged += quantity
            self.changed_supply.add((tenant, supply_line_id))

    def supply_step(
        self, line: SupplyLine, cause: str, difference: int = 0, reason: str = ""
    ) -> None:
        """Keeps what is told of a changed supply line."""
        line.version += 1
        self.changed_supply.add((line.key.tenant, line.id))
        step = SupplyStep(line.snapshot(), cause, self.origin, difference, reason)
        self.supply_steps.append(step)

    def plan_of(self, place: Place) -> AllocationPlan | None:
        """The allocation plan a claim on a place draws from; None when nothing shares it out."""
        if not self.plans:
            return None
        return plan_of(self.plans.values(), self.policy(place.tenant), place, self.now)

    def put_plan(self, plan: AllocationPlan) -> None:
        """Keeps a plan whose draws changed."""
        self.plans[plan.key] = plan
        self.changed_plans.add(plan.key)

    def lease_step(self, lease: QuotaLease, cause: str, report: LeaseReport | None) -> QuotaLease:
        """Keeps a changed lease and what is told of it."""
        self.leases[lease.key] = lease
        self.lease_steps.append(LeaseStep(lease, cause, report, self.origin))
        return lease

    def case_step(
        self, case: ConflictCase, cause: str, note: CaseNote | None = None
    ) -> ConflictCase:
        """Keeps a changed conflict case and what is told of it."""
        self.cases[case.scope.tenant, case.id] = case
        self.case_steps.append(CaseStep(case, cause, note or CaseNote(), self.origin))
        return case

    def ask_for_count(self, key: StockKey, reason: str) -> None:
        """The units for sale at a position shall be counted, unless somebody was asked already."""
        self.recounts.setdefault(key, reason)

    def change_group(self, key: GroupKey) -> GroupClaim:
        """The claims on a group that are about to change."""
        self.changed_groups.setdefault(key, self.origin)
        return self.group_claims.setdefault(key, GroupClaim(key))

    def change(self, key: StockKey) -> StockPosition:
        """A position that is about to change."""
        self.changed.setdefault(key, self.origin)
        return self.positions[key]

    def reservation(self, tenant: str, reservation_id: str) -> Reservation:
        """A reservation; a hold whose time is over is expired first. Raises NotFound."""
        found = self.reservations.get((tenant, reservation_id))
        if found is None:
            raise NotFound("reservation", reservation_id)
        return self.lapsed(found)

    def live_of(self, owner: OwnerKey) -> list[Reservation]:
        """What an owner holds now."""
        held = [self.reservations[owner.tenant, i] for i in sorted(self.live.get(owner, ()))]
        return [r for r in map(self.lapsed, held) if r.state in LIVE]

    def lapsed(self, reservation: Reservation) -> Reservation:
        """The reservation, expired if its time is over: by the clock, not by the sweeper."""
        if reservation.state is not ReservationState.HELD or not reservation.expired(self.now):
            return reservation
        for place, quantity in reservation.claimed().items():
            self.claim(place, -quantity, soft=True)
            if isinstance(place, GroupKey):
                self.group_claims[place].soft_expired -= quantity
            else:
                self.positions[place].soft_expired -= quantity
        for key, quantity in reservation.backordered().items():
            self.positions[key].backordered -= quantity
            self.positions[key].backordered_expired -= quantity
        for line in (line for line in reservation.lines if line.draws):
            if (plan := self.plan_of(line.place(reservation.tenant))) is not None:
                self.put_plan(plan.lapsing(reservation.channel, line.draws))
        for peg in (peg for line in reservation.lines for peg in line.pegs):
            self.peg(reservation.tenant, peg.supply_line_id, -peg.quantity)
            supply = self.supply.get((reservation.tenant, peg.supply_line_id))
            if supply is not None:
                supply.pegged_expired -= peg.quantity
        return self.step(reservation.expired_now(), "EXPIRED")

    def step(self, reservation: Reservation, cause: str) -> Reservation:
        """Keeps a changed reservation and what is told of it."""
        self._keep(reservation)
        self.steps.append(ReservationStep(reservation, cause, self.origin))
        return reservation

    def disown(self, reservation: Reservation) -> None:
        """The owner of a reservation gives it away."""
        self.live.get(reservation.owner, set()).discard(reservation.id)

    def evidence_of(self, key: EvidenceKey) -> ShipmentEvidence:
        """The evidence of a shipment's units, which is about to change."""
        self.changed_evidence.add(key)
        return self.evidence.setdefault(key, ShipmentEvidence(key))

    def book_once(self, line: BookedLine) -> bool:
        """False when the line moved stock before."""
        if line in self.booked:
            return False
        self.booked.add(line)
        self.newly_booked.append(line)
        return True

    def _keep(self, reservation: Reservation) -> None:
        owner = reservation.owner
        self.reservations[owner.tenant, reservation.id] = reservation
        ids = self.live.setdefault(owner, set())
        if reservation.state in LIVE:
            ids.add(reservation.id)
        else:
            ids.discard(reservation.id)
