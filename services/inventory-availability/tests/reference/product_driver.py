"""Drives the product's pure rules with the words of the reference model.

It does what the transaction does around them (loading what has expired, our own moves by time), and
nothing else: every decision is the product's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tandem_inventory_availability.domain.allocation import channel_available
from tandem_inventory_availability.domain.allocation_plan import (
    AllocationPlan,
    Lending,
    PlanKey,
    Pot,
    Quota,
    QuotaMode,
    ScopeLevel,
)
from tandem_inventory_availability.domain.catalogue import LocationKind
from tandem_inventory_availability.domain.leasing import give_back, grant, report_usage
from tandem_inventory_availability.domain.local_movements import (
    Disposition,
    ReturnedLine,
    SoldLine,
    apply_disposition,
    record_sale,
)
from tandem_inventory_availability.domain.policy_rules import (
    LocationPolicy,
    LocationStatus,
    LocationTerms,
    SafetyRule,
    SourcingGroup,
)
from tandem_inventory_availability.domain.quota_lease import DeviceKey, LeaseReport, QuotaLease
from tandem_inventory_availability.domain.reservation import (
    OwnerKey,
    Reservation,
    ReservationState,
)
from tandem_inventory_availability.domain.reservation_changes import (
    AmendedLine,
    Pin,
    amend,
    confirm,
    extend,
    pin,
    release,
)
from tandem_inventory_availability.domain.reservation_line import (
    GroupKey,
    LineQuantity,
    ReservationLine,
)
from tandem_inventory_availability.domain.reserving import reserve
from tandem_inventory_availability.domain.room import Demand, Room
from tandem_inventory_availability.domain.shipping import ship
from tandem_inventory_availability.domain.signal_book import SignalBook
from tandem_inventory_availability.domain.signal_source import (
    Ownership,
    Sequencing,
    SignalSource,
)
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey, StockPosition
from tandem_inventory_availability.domain.stock_signal import SignalKind, SourceKey, StockSignal
from tandem_inventory_availability.domain.taking_signals import take_all

from .channel_model import Part
from .claim_model import Claim, Lease
from .signal_model import Said, Shelf
from .stock_model import StockModel

TENANT, SOURCE = "t", "wms"
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def moment(second: int) -> datetime:
    """A second of the model as an instant."""
    return START + timedelta(seconds=second)


def key_of(shelf: Shelf) -> StockKey:
    """A shelf of the model as a key."""
    return StockKey(TENANT, *shelf)


class Product:
    """One long batch on a book in memory."""

    def __init__(self, shelves: Sequence[Shelf], model: StockModel, *, sweeping: bool) -> None:
        self.book = StockBook(START, policies={TENANT: _policy(shelves, model)})
        self.sweeping = sweeping
        for key in map(key_of, shelves):
            self.book.positions[key] = StockPosition(key)
            self.book.known_skus.add((TENANT, key.sku))
        source, key = (
            SignalSource(SOURCE, Sequencing.SEQ, owns=(Ownership("*"),)),
            SourceKey(TENANT, SOURCE),
        )
        for shelf, parts in model.parts.items():
            key_of_plan = PlanKey(TENANT, *shelf)
            quotas = tuple(_quota(part) for part in parts)
            self.book.plans[key_of_plan] = AllocationPlan(
                key_of_plan, ScopeLevel.LOCATION, 1, quotas
            )
        self.signals = SignalBook(self.book, {key: SourceStream(key, source)})

    def wait(self, second: int) -> None:
        """Time goes on; a sweeper may tidy what it ended."""
        self.book.now = moment(second)
        for reservation in list(self.book.reservations.values()):
            if self.sweeping:
                self.book.lapsed(reservation)
        over = [
            found
            for found in self.book.reservations.values()
            if found.state is ReservationState.HELD and found.expired(self.book.now)
        ]
        for key, position in self.book.positions.items():
            position.soft_expired = sum(found.claimed().get(key, 0) for found in over)
        ended = [lease for lease in self.book.leases.values() if lease.over(self.book.now)]
        for key, position in self.book.positions.items():
            mine = [lease for lease in ended if lease.holder.stock == key]
            position.leased_expired = sum(lease.held for lease in mine)
        self._expire_draws(over, ended)
        for group, claim in self.book.group_claims.items():
            claim.soft_expired = sum(found.claimed().get(group, 0) for found in over)

    def _expire_draws(self, over: list[Reservation], ended: list[QuotaLease]) -> None:
        for key, plan in self.book.plans.items():
            expired: dict[Pot, int] = {}
            draws = [
                (found.channel, item)
                for found in over
                for line in found.lines
                if (line.sku, line.location) == (key.sku, key.scope)
                for item in line.draws
            ]
            draws += [
                (lease.holder.channel, item)
                for lease in ended
                if (lease.holder.stock.sku, lease.holder.stock.location) == (key.sku, key.scope)
                for item in lease.draws
            ]
            for channel, item in draws:
                pot = Pot(channel, item.quota_id)
                expired[pot] = expired.get(pot, 0) + item.quantity
            self.book.plans[key] = replace(plan, expired=expired)

    def drawn(self, shelf: Shelf) -> dict[tuple[str, str], int]:
        """Units by channel and pot, now."""
        plan = self.book.plans[PlanKey(TENANT, *shelf)]
        return {tuple(pot): plan.live(pot) for pot in plan.drawn if plan.live(pot)}

    def promised(self, shelf: Shelf, channel: str) -> int:
        """What a channel may claim."""
        plan = self.book.plans[PlanKey(TENANT, *shelf)]
        pool = Room(self.book, Demand()).unclamped(plan.place)
        return channel_available(plan, pool, channel, self.book.now)

    def say(self, said: Said) -> str:
        """Takes a signal."""
        signal = StockSignal(
            source=SourceKey(TENANT, said.source),
            sequence=said.number,
            key=key_of(said.shelf),
            kind=SignalKind(said.kind),
            quantity=said.quantity,
            cause="",
            reference=said.reference,
            effective_at=moment(said.at),
        )
        return take_all(self.signals, [signal])[0].outcome.value

    def sell(self, shelf: Shelf, units: int, reference: str, at: int) -> None:
        """Records a sale of a store."""
        line = SoldLine("1", key_of(shelf), units)
        before = len(self.book.newly_booked)
        record_sale(self.book, reference, moment(at), [line])
        if len(self.book.newly_booked) > before:
            self._remember_move(shelf, (moment(at), Bucket.SELLABLE, Bucket.OUTSIDE, units))

    def take_back(self, shelf: Shelf, units: int, reference: str, at: int, bucket: str) -> None:
        """Books a return."""
        kept = Disposition.RESTOCK if bucket == "SELLABLE" else Disposition.QUARANTINE
        before = len(self.book.newly_booked)
        lines = [ReturnedLine("1", key_of(shelf), units, kept)]
        apply_disposition(self.book, reference, moment(at), lines)
        if len(self.book.newly_booked) > before:
            self._remember_move(shelf, (moment(at), Bucket.OUTSIDE, Bucket(bucket), units))

    def _remember_move(self, shelf: Shelf, move: tuple[datetime, Bucket, Bucket, int]) -> None:
        self.signals.local.setdefault(key_of(shelf), []).append(move)

    def reserve(self, claim: Claim) -> None:
        """Reserves. Raises DomainError."""
        ends = moment(claim.ends) if claim.ends is not None else None
        reserve(
            self.book,
            Reservation(
                id=claim.id,
                owner=OwnerKey(TENANT, "order", claim.owner),
                channel=claim.channel,
                state=ReservationState.HELD if ends else ReservationState.CONFIRMED,
                expires_at=ends,
                version=1,
                lines=tuple(
                    ReservationLine(x.line_id, x.sku, x.location, x.quantity, group=x.group)
                    for x in claim.lines
                ),
                created_at=self.book.now,
            ),
        )

    def confirm(self, claim: str) -> None:
        """Confirms. Raises DomainError."""
        confirm(self.book, TENANT, claim)

    def release(self, claim: str, units: Mapping[str, int]) -> None:
        """Releases. Raises DomainError."""
        release(self.book, TENANT, claim, _quantities(units))

    def ship(self, claim: str, reference: str, units: Mapping[str, int]) -> None:
        """Ships. Raises DomainError."""
        ship(self.book, TENANT, claim, reference, _quantities(units))

    def extend(self, claim: str, seconds: int) -> None:
        """Extends. Raises DomainError."""
        extend(self.book, TENANT, claim, timedelta(seconds=seconds))

    def amend(self, claim: str, changes: Mapping[str, int]) -> None:
        """Amends lines that are there. Raises DomainError."""
        lines = {line.line_id: line for line in self.book.reservations[TENANT, claim].lines}
        amended = [
            AmendedLine(name, n, lines[name].sku, lines[name].location, lines[name].group)
            for name, n in changes.items()
        ]
        amend(self.book, TENANT, claim, amended, 0)

    def pin(self, claim: str, line_id: str, places: Mapping[str, int]) -> None:
        """Pins units of a group. Raises DomainError."""
        pin(self.book, TENANT, claim, [Pin(line_id, n, place) for place, n in places.items()], 0)

    def grant(self, lease: Lease) -> None:
        """Grants a lease, or tops up. Raises DomainError."""
        grant(
            self.book,
            QuotaLease(
                id=lease.id,
                holder=DeviceKey(key_of(lease.shelf), "store", lease.till),
                quantity=lease.quantity,
                expires_at=moment(lease.expires),
                ends_at=moment(lease.ends),
                created_at=self.book.now,
            ),
        )

    def report(self, lease: str, number: str, units: int) -> int:
        """Reports a sale of now; units beyond the lease."""
        told = LeaseReport(lease, number, units)
        before = len(self.book.new_lease_reports)
        done = report_usage(self.book, TENANT, lease, told, self.book.now)
        if len(self.book.new_lease_reports) > before:
            key = done.lease.holder.stock
            move = (self.book.now, Bucket.SELLABLE, Bucket.OUTSIDE, units)
            self._remember_move((key.sku, key.location), move)
        return done.report.breached

    def return_lease(self, lease: str) -> None:
        """Returns a lease."""
        give_back(self.book, TENANT, lease)

    def net(self, sku: str, group: str) -> int:
        """What a group can promise, unclamped."""
        return Room(self.book, Demand())._net(GroupKey(TENANT, sku, group))

    def state(self, claim: str) -> str:
        """A reservation's state as a reader sees it now."""
        found = self.book.reservations[TENANT, claim]
        return "EXPIRED" if found.expired(self.book.now) else found.state.value


def _quantities(units: Mapping[str, int]) -> list[LineQuantity]:
    return [LineQuantity(name, count) for name, count in units.items()]


def _policy(shelves: Sequence[Shelf], model: StockModel) -> StockPolicy:
    dc, ends = LocationKind.DISTRIBUTION_CENTRE, (LocationTerms(LocationStatus.PAUSED),)
    places = sorted({place for _, place in shelves})
    safety = [
        SafetyRule(f"{sku}-{place}", units, sku=sku, location=place)
        for (sku, place), units in model.safety.items()
    ]
    network = [
        SafetyRule(f"{sku}-{group}", units, sku=sku, group=group)
        for (sku, group), units in model.network_safety.items()
    ]
    return StockPolicy(
        locations={
            place: LocationPolicy(place, dc, 1, True, ends if place in model.closed else ())
            for place in places
        },
        group_rules=[SourcingGroup(g, tuple(sorted(x))) for g, x in sorted(model.groups.items())],
        safety_rules=[*safety, *network],
    )


def _quota(part: Part) -> Quota:
    return Quota(
        id=part.id,
        channel=part.channel,
        mode=QuotaMode(part.mode),
        want=part.want,
        floor=part.floor,
        cap=part.cap,
        priority=part.priority,
        lend=Lending(part.lend),
        may_borrow=part.may_borrow,
    )
