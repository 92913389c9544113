"""The rules of claims and shipments against a stock of known size, in any interleaving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_core.errors import DomainError
from tandem_inventory_availability.domain.catalogue import LocationKind
from tandem_inventory_availability.domain.errors import InsufficientStock, SkuUnknown
from tandem_inventory_availability.domain.local_movements import SoldLine, record_sale
from tandem_inventory_availability.domain.policy_rules import LocationPolicy
from tandem_inventory_availability.domain.reservation import (
    LIVE,
    OwnerKey,
    Reservation,
    ReservationState,
)
from tandem_inventory_availability.domain.reservation_changes import confirm, release
from tandem_inventory_availability.domain.reservation_line import LineQuantity, ReservationLine
from tandem_inventory_availability.domain.reserving import reserve
from tandem_inventory_availability.domain.shipment_evidence import EvidenceKey
from tandem_inventory_availability.domain.shipping import settle, ship
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import (
    Bucket,
    Movement,
    StockKey,
    StockPosition,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
A, B = StockKey("t", "TEE", "DC"), StockKey("t", "CAP", "DC")


def stocked(quantity: int = 10, now: datetime = NOW) -> StockBook:
    dc = LocationPolicy("DC", LocationKind.DISTRIBUTION_CENTRE, 1, ships=True)
    book = StockBook(now, {"t": StockPolicy(locations={"DC": dc})})
    for key in (A, B):
        book.positions[key] = StockPosition(key, {Bucket.SELLABLE: quantity})
        book.known_skus.add((key.tenant, key.sku))
    return book


def wanted(name: str, *lines: tuple[StockKey, int], ttl_s: int = 0) -> Reservation:
    ends = NOW + timedelta(seconds=ttl_s) if ttl_s else None
    return Reservation(
        id=name,
        owner=OwnerKey("t", "order", name),
        channel="web",
        state=ReservationState.HELD if ends else ReservationState.CONFIRMED,
        expires_at=ends,
        version=1,
        lines=tuple(
            ReservationLine(str(n), key.sku, key.location, quantity)
            for n, (key, quantity) in enumerate(lines)
        ),
        created_at=NOW,
    )


def figures(book: StockBook) -> list[tuple[int, ...]]:
    return [
        (p.on_hand, p.hard, p.soft, p.soft_expired, p.unsettled, p.position)
        for p in book.positions.values()
    ]


def depart(book: StockBook, key: StockKey, reference: str, quantity: int) -> None:
    """The source says that units left: what a movement does."""
    settle(book, EvidenceKey(reference, key), quantity)
    movement = Movement(Bucket.SELLABLE, Bucket.OUTSIDE, quantity, "SHIPMENT", reference, NOW)
    book.change(key).book(movement)


def consistent(book: StockBook) -> None:
    """The positions are what the reservations add up to, and nothing is promised twice."""
    for key, position in book.positions.items():
        claims = [
            (r, line)
            for r in book.reservations.values()
            for line in r.lines
            if r.key_of(line) == key
        ]
        assert position.hard == sum(
            line.open for r, line in claims if r.state is ReservationState.CONFIRMED
        )
        assert position.soft == sum(
            line.open for r, line in claims if r.state is ReservationState.HELD
        )
        assert position.unsettled == sum(line.shipped - line.settled for _, line in claims)
        # Goods that left before their shipment was told are missing twice until it is.
        early = sum(
            item.evidenced - sum(claim.settled for claim in item.claims)
            for item in book.evidence.values()
            if item.key.stock == key
        )
        assert position.free + early >= 0
        assert [e.position for e in position.entries] == list(range(1, position.position + 1))


names = st.sampled_from(["r1", "r2", "r3"])
quantities = st.integers(1, 8)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), names, quantities, st.sampled_from([0, 60])),
        st.tuples(st.just("confirm"), names),
        st.tuples(st.just("release"), names, st.integers(0, 4)),
        st.tuples(st.just("ship"), names, quantities),
        st.tuples(st.just("depart"), names, quantities),
        st.tuples(st.just("pass"), st.integers(1, 90)),
    ),
    max_size=30,
)


class Trader:
    """Carries out random steps the way a batch does; refused ones must leave no trace."""

    def __init__(self, *, sweeping: bool) -> None:
        self.book = stocked()
        self.sweeping = sweeping
        self.made = 0
        self.current: dict[str, str] = {}
        self.left: dict[str, int] = {}

    def do(self, step: tuple[object, ...]) -> None:
        if step[0] == "pass":
            self._pass(step[1])  # type: ignore[arg-type]  # drawn as int
            return
        owner = str(step[1])
        if step[0] == "reserve":
            self._reserve(owner, step[2], step[3])  # type: ignore[arg-type]  # drawn as int
        elif owner in self.current:
            self._change(str(step[0]), self.current[owner], *step[2:])

    def _pass(self, seconds: int) -> None:
        self.book.now += timedelta(seconds=seconds)
        for reservation in list(self.book.reservations.values()):
            if self.sweeping:
                self.book.lapsed(reservation)
        for key, position in self.book.positions.items():
            position.soft_expired = sum(
                r.claimed().get(key, 0)
                for r in self.book.reservations.values()
                if r.state is ReservationState.HELD and r.expired(self.book.now)
            )

    def _reserve(self, owner: str, quantity: int, ttl_s: int) -> None:
        self.made += 1
        name = f"{owner}-{self.made}"
        lines = ((A, quantity), (B, 1), (A, 1))
        ends = self.book.now + timedelta(seconds=ttl_s) if ttl_s else None
        draft = wanted(name, *lines, ttl_s=ttl_s)
        made = Reservation(
            **{**vars(draft), "owner": OwnerKey("t", "order", owner), "expires_at": ends}
        )
        reserve(self.book, made)
        self.current[owner] = name

    def _change(self, what: str, name: str, *values: object) -> None:
        reservation = self.book.reservations["t", name]
        if what == "confirm":
            confirm(self.book, "t", name)
        elif what == "release":
            units = int(values[0])  # type: ignore[call-overload]  # drawn as int
            release(self.book, "t", name, [LineQuantity("0", units)] if units else [])
        elif what == "ship":
            shipped = [LineQuantity("0", int(values[0]))]  # type: ignore[call-overload]  # drawn as int
            ship(self.book, "t", name, f"S-{name}", shipped)
        elif what == "depart":
            # Goods leave only when they were picked for an order: at most what it claims.
            gone = self.left.get(name, 0)
            line = reservation.lines[0]
            held = line.quantity - line.released - gone
            live = reservation.state in (ReservationState.CONFIRMED, ReservationState.CONSUMED)
            units = min(int(values[0]), held if live else 0)  # type: ignore[call-overload]  # drawn as int
            if units > 0:
                self.left[name] = gone + units
                depart(self.book, A, f"S-{name}", units)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_no_interleaving_oversells_or_loses_a_claim(drawn: list[tuple[object, ...]]) -> None:
    trader = Trader(sweeping=False)
    for step in drawn:
        before, told = figures(trader.book), len(trader.book.steps)
        try:
            trader.do(step)
        except DomainError:
            lapsed = [s for s in trader.book.steps[told:] if s.cause == "EXPIRED"]
            assert len(trader.book.steps) - told == len(lapsed)
            if not lapsed:
                assert figures(trader.book) == before
        consistent(trader.book)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_results_are_the_same_with_the_sweeper_on_and_off(
    drawn: list[tuple[object, ...]],
) -> None:
    def run(sweeping: bool) -> list[object]:
        trader = Trader(sweeping=sweeping)
        seen: list[object] = []
        for step in drawn:
            try:
                trader.do(step)
                seen.append("done")
            except DomainError as error:
                seen.append(error.reason)
            seen.append([p.available for p in trader.book.positions.values()])
        return seen

    assert run(True) == run(False)


@given(st.integers(1, 10), st.sampled_from([0, 60]))
def test_release_after_reserve_gives_everything_back(quantity: int, ttl_s: int) -> None:
    book = stocked()
    before = figures(book)
    reserve(book, wanted("r", (A, quantity), (B, 1), ttl_s=ttl_s))
    released = release(book, "t", "r", [])
    assert figures(book) == before
    assert released.state is ReservationState.RELEASED
    assert released not in LIVE


@given(st.integers(1, 6), st.lists(st.integers(1, 6), max_size=4), st.permutations(range(6)))
def test_shipments_and_departures_in_any_order_end_alike_and_never_overstate(
    first: int, parts: list[int], order: list[int]
) -> None:
    units = [first, *parts][:3]
    total = sum(units)
    book = stocked(50)
    reserve(book, wanted("r", (A, total)))
    events = [(kind, n) for n in range(len(units)) for kind in ("ship", "depart")]
    free = book.positions[A].free
    for place in [n for n in order if n < len(events)]:
        kind, n = events[place]
        if kind == "ship":
            ship(book, "t", "r", f"S-{n}", [LineQuantity("0", units[n])])
        else:
            depart(book, A, f"S-{n}", units[n])
        assert book.positions[A].free <= free
    position = book.positions[A]
    assert (position.on_hand, position.hard, position.unsettled) == (50 - total, 0, 0)
    assert position.free == free
    assert book.reservations["t", "r"].state is ReservationState.CONSUMED


def test_two_lines_of_one_sku_are_one_demand() -> None:
    book = stocked(5)
    with pytest.raises(InsufficientStock) as refused:
        reserve(book, wanted("r", (A, 3), (B, 6), (A, 3)))
    shorts = [(s.sku, s.requested, s.available) for s in refused.value.shorts]
    assert shorts == [("TEE", 6, 5), ("CAP", 6, 5)]
    assert book.changed == {}


def test_a_sale_with_an_unknown_line_books_none_of_its_lines() -> None:
    book = stocked()
    lines = [SoldLine("1", A, 1), SoldLine("2", StockKey("t", "NOPE", "DC"), 1)]
    with pytest.raises(SkuUnknown) as refused:
        record_sale(book, "R-1", NOW, lines)
    assert refused.value.field == "lines[1].sku"
    assert (book.changed, book.newly_booked) == ({}, [])
