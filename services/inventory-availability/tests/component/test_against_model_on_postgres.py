"""The commands of the reference model through the wire and on real Postgres: alone, where every
answer must be the model's, and by many at once, where what does not depend on order must hold.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import pytest
from google.protobuf.message import Message
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem.inventory.v1.events_pb2 import StockPositionChanged
from tandem_platform.remote_error import RemoteError

from ..reference.channel_model import Refused
from ..reference.claim_model import Claim, Line
from ..reference.signal_model import Said
from ..reference.stock_model import StockModel
from .stock_under_test import (
    CAP,
    DC,
    DC2,
    HARD,
    SOFT,
    STORE,
    TEE,
    Running,
    line,
    new_id,
    outcomes,
    reserve_request,
)

SHELVES = [(TEE, DC), (TEE, DC2), (TEE, STORE), (CAP, DC)]
SOURCE = "wms/main"
STEPS = 60
CLIENTS, STEPS_OF_EACH = 6, 12
UNITS_OF_EACH = 8
"""On each shelf, fewer than the clients want: what is never scarce cannot be oversold."""


class Alone:
    """One client: each step is done by the model and by the service, and must end the same."""

    def __init__(self, stock: Running, chance: random.Random) -> None:
        self.stock, self.chance = stock, chance
        self.model = StockModel()
        self.ids: dict[str, str] = {}
        self.sent: list[tuple[Callable[[Message], Awaitable[Message]], Message, Message]] = []
        self.start = stock.clock.now()
        self.numbers = 0

    async def run(self) -> None:
        for shelf in SHELVES:
            await self.say("SNAPSHOT", shelf, self.chance.randint(0, 20), number=1)
        steps = [self.reserve, self.reserve, self.confirm, self.release, self.ship, self.delta]
        steps += [self.depart, self.count, self.sell, self.wait]
        for _ in range(STEPS):
            await self.chance.choice(steps)()
            await self.compare()

    async def both(
        self,
        model: Callable[[], object],
        call: Callable[[Message], Awaitable[Message]],
        request: Message,
    ) -> Message | None:
        expected, answer, told = "", None, ""
        try:
            model()
        except Refused as refused:
            expected = refused.reason
        try:
            answer = await call(request)
            self.sent.append((call, request, answer))
        except RemoteError as error:
            told = error.reason
        assert told == expected, request
        return answer

    async def reserve(self) -> None:
        wanted = [
            (self.chance.choice(SHELVES), self.chance.randint(1, 6))
            for _ in range(self.chance.randint(1, 3))
        ]
        owner = self.chance.choice(["ann", "bob", "eve", "joe"])
        ttl = self.chance.choice([0, 0, 40])
        name = f"{owner}-{len(self.ids)}-{self.numbers}"
        self.numbers += 1
        lines = [line(sku, n, place, str(i)) for i, ((sku, place), n) in enumerate(wanted)]
        request = reserve_request(*lines, owner=owner, kind=SOFT if ttl else HARD, ttl_s=ttl)
        parts = [Line(str(i), sku, place, n) for i, ((sku, place), n) in enumerate(wanted)]
        claim = Claim(name, owner, "web", self.model.now + ttl if ttl else None, parts)
        call = self.stock.reservations.Reserve
        answer = await self.both(lambda: self.model.reserve(claim), call, request)
        if answer is not None:
            self.ids[name] = answer.reservation.id  # type: ignore[attr-defined]  # a ReserveResponse

    async def confirm(self) -> None:
        if name := self.some():
            request = api.ConfirmReservationRequest(
                request_id=new_id(), reservation_id=self.ids[name]
            )
            call = self.stock.reservations.ConfirmReservation
            await self.both(lambda: self.model.confirm(name), call, request)

    async def release(self) -> None:
        if name := self.some():
            part = {"0": self.chance.randint(1, 4)} if self.chance.random() < 0.5 else {}
            request = api.ReleaseReservationRequest(
                request_id=new_id(), reservation_id=self.ids[name], lines=_quantities(part)
            )
            call = self.stock.reservations.ReleaseReservation
            await self.both(lambda: self.model.release(name, part), call, request)

    async def ship(self) -> None:
        if name := self.some():
            part = {"0": self.chance.randint(1, 4)}
            reference = self.chance.choice(["S-1", "S-2"])
            request = api.SettleShipmentRequest(
                request_id=new_id(),
                reservation_id=self.ids[name],
                shipment_ref=reference,
                lines=_quantities(part),
            )
            call = self.stock.reservations.SettleShipment
            await self.both(lambda: self.model.ship(name, reference, part), call, request)

    async def delta(self) -> None:
        shelf, number = self.chance.choice(SHELVES), self.chance.randint(1, 14)
        await self.say("DELTA", shelf, self.chance.randint(-4, 8), number=number)

    async def depart(self) -> None:
        if self.model.shipments:
            reference, shelf, *_ = self.chance.choice(self.model.shipments)
            number = 1 + max(said.number for said in self.model.said)
            units = -self.chance.randint(1, 5)
            await self.say("DELTA", shelf, units, number=number, reference=reference)

    async def count(self) -> None:
        number = self.chance.randint(1, 14)
        await self.say(
            "SNAPSHOT", self.chance.choice(SHELVES), self.chance.randint(0, 20), number=number
        )

    async def say(
        self, kind: str, shelf: tuple[str, str], units: int, *, number: int, reference: str = ""
    ) -> None:
        said = Said(SOURCE, number, *shelf, kind, units, self.model.now, reference)
        told = await self.stock.signal(
            source=SOURCE,
            sku=shelf[0],
            location=shelf[1],
            sequence=number,
            reference=reference,
            **{kind.lower(): units},
        )
        name = signals.SignalResult.Outcome.Name(told.outcome)
        assert name == f"OUTCOME_{self.model.say(said)}", said

    async def sell(self) -> None:
        shelf, units = self.chance.choice(SHELVES), self.chance.randint(1, 4)
        receipt = f"R-{self.chance.randint(1, 6)}"
        request = api.RecordSaleRequest(
            request_id=new_id(), sale_ref=receipt, lines=[line(shelf[0], units, shelf[1], "1")]
        )
        self.model.move(shelf, "SELLABLE", -units, self.model.now, (receipt, "1"))
        await self.stock.reservations.RecordSale(request)

    async def wait(self) -> None:
        seconds = self.chance.randint(1, 50)
        self.model.now += seconds
        self.stock.clock.advance(seconds)
        if self.chance.random() < 0.5:
            await self.stock.sweep()

    async def compare(self) -> None:
        for sku, place in SHELVES:
            position = await self.stock.position(sku, place)
            shelf = (sku, place)
            assert (
                position.on_hand,
                position.hard_reserved,
                position.soft_reserved,
                position.unsettled,
                position.available,
                position.gap,
            ) == (
                self.model.on_hand(shelf),
                self.model.hard(shelf),
                self.model.soft(shelf),
                self.model.unsettled(shelf),
                max(0, self.model.free(shelf)),
                self.model.gap(shelf),
            ), shelf

    def some(self) -> str:
        return self.chance.choice(sorted(self.ids)) if self.ids else ""


def _quantities(units: dict[str, int]) -> list[api.ReservationQuantity]:
    return [api.ReservationQuantity(line_id=name, quantity=n) for name, n in units.items()]


@pytest.mark.parametrize("seed", range(4))
async def test_one_client_gets_the_answers_of_the_model(stock: Running, seed: int) -> None:
    """Invariants 1 to 9 on the wire. Seen to fail with `unsettled` read as 0 in `position_reads`,
    and with the lapse of holds left out of `expired_holds.load`."""
    alone = Alone(stock, random.Random(seed))
    await alone.run()
    assert await stock.differences() == []
    await every_shortage_has_its_case(stock, alone.model)
    before = await figures(stock)
    for call, request, answer in alone.sent:
        assert await call(request) == answer
    assert await figures(stock) == before


async def figures(stock: Running) -> Sequence[tuple[object, ...]]:
    return await stock.rows("""
        SELECT sku, location, on_hand, hard, soft, unsettled, leased, position, version
        FROM stock_position ORDER BY 1, 2
    """)


async def every_shortage_has_its_case(stock: Running, model: StockModel) -> None:
    """Invariant 27, asked of the model: holds whose time is over are told by the sweeper."""
    while await stock.sweep():
        pass
    open_ones = await stock.rows("""
        SELECT sku, location, deficit FROM conflict_case WHERE open AND deficit > 0 ORDER BY 1, 2
    """)
    short = [(*shelf, model.deficit(shelf)) for shelf in sorted(SHELVES) if model.deficit(shelf)]
    assert open_ones == short


async def client(stock: Running, number: int, sent: list[tuple[object, ...]]) -> None:
    """Random commands of one of many; what is refused is refused."""
    chance = random.Random(number)
    mine: list[wire.Reservation] = []
    for step in range(STEPS_OF_EACH):
        what = chance.choice(["reserve", "reserve", "release", "ship", "confirm"])
        request: Message
        if what == "reserve" or not mine:
            shelf = chance.choice(SHELVES)
            wanted = [line(shelf[0], chance.randint(1, 5), shelf[1], "0")]
            wanted += [line(CAP, 1, DC, "1")] if chance.random() < 0.3 else []
            ttl = chance.choice([0, 600])
            kind = SOFT if ttl else HARD
            request = reserve_request(*wanted, owner=f"o-{number}-{step}", kind=kind, ttl_s=ttl)
            call = stock.reservations.Reserve
        else:
            held = chance.choice(mine)
            named = {"request_id": new_id(), "reservation_id": held.id}
            if what == "release":
                request = api.ReleaseReservationRequest(**named)
                call = stock.reservations.ReleaseReservation
            elif what == "confirm":
                request = api.ConfirmReservationRequest(**named)
                call = stock.reservations.ConfirmReservation
            else:
                part = _quantities({"0": 1})
                request = api.SettleShipmentRequest(**named, shipment_ref=f"S-{number}", lines=part)
                call = stock.reservations.SettleShipment
        # Twice at once: a caller that did not hear the answer asks again.
        answers = await asyncio.gather(call(request), call(request), return_exceptions=True)
        sent.append((call, request, answers))
        if isinstance(answers[0], api.ReserveResponse):
            mine.append(answers[0].reservation)


@pytest.mark.parametrize("losing", [False, True])
async def test_many_clients_never_oversell_nor_lose_a_unit(stock: Running, losing: bool) -> None:
    """Invariants 2, 3, 4 and 6 under load; with losses also 27. Seen to fail with nine units
    more than are free counted as room. Without the locks of `stock_rows.lock_positions` it passes,
    for one process decides one batch after the other: `test_two_replicas` fails then."""
    total = 0
    for sku, place in SHELVES:
        await stock.count(sku, UNITS_OF_EACH, place)
        total += UNITS_OF_EACH
    sent: list[tuple[object, ...]] = []
    calls: list[Awaitable[object]] = [client(stock, n, sent) for n in range(CLIENTS)]
    if losing:
        calls += [
            stock.signal(source=f"loss-{n}", sku=TEE, location=DC, sequence=1, delta=-9)
            for n in range(3)
        ]
    failed = [answer for answer in await outcomes(*calls) if isinstance(answer, Exception)]
    assert failed == []
    assert await stock.differences() == []
    rows = await stock.rows("""
        SELECT sku, location, on_hand, on_hand - hard - soft - unsettled - leased
        FROM stock_position ORDER BY 1, 2
    """)
    assert sum(int(str(row[2])) for row in rows) == total - (27 if losing else 0)
    short = [row[:2] for row in rows if int(str(row[3])) < 0]
    assert set(short) <= ({(TEE, DC)} if losing else set())
    cases = await stock.rows("SELECT sku, location FROM conflict_case WHERE open AND deficit > 0")
    assert sorted(cases) == sorted(short)
    before = await figures(stock)
    for call, request, answers in sent:
        for answer in answers:  # type: ignore[attr-defined]  # a pair
            if isinstance(answer, Message):
                assert await call(request) == answer  # type: ignore[operator]  # a stub's method
    assert await figures(stock) == before


async def test_the_events_of_a_position_fold_to_what_it_is(stock: Running) -> None:
    """Invariant 17: versions rise by one, ledger entries come once and in order, and their sum is
    the stock."""
    alone = Alone(stock, random.Random(99))
    await alone.run()
    rows = await stock.rows("""
        SELECT agg_id, agg_version, payload FROM event_journal
        WHERE agg_type = 'stock_position' ORDER BY id
    """)
    for sku, place in SHELVES:
        mine = [row for row in rows if row[0] == f"{sku}|{place}"]
        assert [row[1] for row in mine] == list(range(1, len(mine) + 1))
        told = [StockPositionChanged.FromString(bytes(row[2])) for row in mine]  # type: ignore[call-overload]  # bytea
        entries = [entry for event in told for entry in event.ledger_entries]
        assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
        sellable = 2
        folded = sum(
            e.quantity * ((e.to_bucket == sellable) - (e.from_bucket == sellable)) for e in entries
        )
        assert folded == alone.model.on_hand((sku, place)) == told[-1].stock_position.on_hand
