"""Random walks of an order: any steps in any order, refused ones included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from tandem_core.errors import DomainError
from tandem_order_orchestrator.application.process_values import process_event
from tandem_order_orchestrator.domain import order_process
from tandem_order_orchestrator.domain.draft import DraftLine, ExternalRef, OrderDraft, Tax
from tandem_order_orchestrator.domain.events import OrderEvent, PaymentDue
from tandem_order_orchestrator.domain.order import Change, Order, accept
from tandem_order_orchestrator.domain.order_cancellation import cancel
from tandem_order_orchestrator.domain.order_completion import complete
from tandem_order_orchestrator.domain.order_payment import PaymentAnswer, answered, mark_overdue
from tandem_order_orchestrator.domain.order_process import ProcessEvent, ProcessStep
from tandem_order_orchestrator.domain.order_reservation import PlannedLine, rejected, reserved
from tandem_order_orchestrator.domain.order_return import (
    ReturnRequest,
    ReturnRequestLine,
    approve_return,
)
from tandem_order_orchestrator.domain.order_shipment import ShipmentConfirmation, ship
from tandem_order_orchestrator.domain.order_state import Disposition, PaymentAction

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LOCATIONS = ("DC-1", "STORE-1")


@st.composite
def drafts(draw: st.DrawFn) -> OrderDraft:
    """One to three lines with odd amounts, some of them worth nothing."""
    lines = []
    for number in range(draw(st.integers(1, 3))):
        listed = draw(st.integers(0, 5000))
        discount = draw(st.integers(0, listed))
        funded = draw(st.integers(0, listed - discount))
        tax = Tax("US", draw(st.integers(0, 333)), draw(st.booleans()))
        quantity = draw(st.integers(1, 7))
        lines.append(
            DraftLine(str(number), f"SKU-{number}", quantity, listed, discount, funded, (tax,))
        )
    return OrderDraft(
        external_ref=ExternalRef("shop", "order", "1"),
        channel="web",
        currency_code="USD",
        placed_at=NOW,
        lines=tuple(lines),
        payment_method="card",
        shipping_amount=draw(st.integers(0, 700)),
    )


@dataclass
class Walk:
    """An order, everything that happened to it, and its process."""

    order: Order
    now: datetime = NOW
    events: list[OrderEvent] = field(default_factory=list)
    heard: list[tuple[ProcessEvent, datetime]] = field(default_factory=list)
    process: ProcessStep = field(default_factory=lambda: ProcessStep("", {}))
    changes: list[Change] = field(default_factory=list)
    open_commands: int = 0

    @classmethod
    def of(cls, draft: OrderDraft) -> Walk:
        change = accept("demo", draft, NOW)
        walk = cls(change.order)
        walk.take(change)
        return walk

    def take(self, change: Change) -> None:
        self.now += timedelta(minutes=7)
        self.changes.append(change)
        self.order = change.order
        for event in change.events:
            self.events.append(event)
            self.hear(process_event(event, self.order))

    def hear(self, event: ProcessEvent) -> None:
        self.heard.append((event, self.now))
        self.process = order_process.decide(self.process.state, self.process.data, event, self.now)
        self.open_commands += len(self.process.commands)

    def attempt(self, step: Callable[[Order, datetime], Change]) -> bool:
        """Takes the step unless the domain refuses it."""
        try:
            change = step(self.order, self.now)
        except DomainError:
            return False
        self.take(change)
        return True

    def dues(self, action: PaymentAction) -> list[PaymentDue]:
        return [e for e in self.events if isinstance(e, PaymentDue) and e.action is action]


def reserve(walk: Walk, number: int) -> None:
    plan = []
    for line in walk.order.lines:
        first = min(line.draft.quantity, number % 4)
        for location, quantity in zip(LOCATIONS, (first, line.draft.quantity - first), strict=True):
            if quantity:
                plan.append(PlannedLine(line.draft.line_ref, location, quantity))
    walk.attempt(lambda order, now: reserved(order, "reservation", plan, now))


def refuse(walk: Walk, number: int) -> None:
    walk.attempt(lambda order, now: rejected(order, "INSUFFICIENT_STOCK", (), now))


def answer(walk: Walk, number: int) -> None:
    """Answers something that is due, now or long ago, well or badly."""
    dues = [e for e in walk.events if isinstance(e, PaymentDue)]
    if not dues:
        return
    due = dues[number % len(dues)]
    given = PaymentAnswer(
        due.command_id, due.action, number % 5 != 0, due.amount, "ref", "NO", NOW, "USD"
    )
    walk.attempt(lambda order, now: answered(order, given, now))


def stop(walk: Walk, number: int) -> None:
    walk.attempt(lambda order, now: cancel(order, "CUSTOMER", now))


def leave(walk: Walk, number: int) -> None:
    location = LOCATIONS[number % 2]
    by_line = {} if number % 3 else {str(number % 3): 1 + number % 2}
    confirmation = ShipmentConfirmation(location, f"s-{number}", NOW, by_line)
    walk.attempt(lambda order, now: ship(order, confirmation, now))


def come_back(walk: Walk, number: int) -> None:
    line = ReturnRequestLine(
        str(number % 3),
        1 + number % 3,
        Disposition.RESTOCK,
        net_amount=number * 30 if number % 2 else None,
    )
    lines = (line,) if number % 5 else ()
    request = ReturnRequest(ExternalRef("shop", "refund", str(number)), lines, number % 100)
    walk.attempt(lambda order, now: approve_return(order, request, now))


def be_late(walk: Walk, number: int) -> None:
    action = list(PaymentAction)[number % 4]
    walk.attempt(lambda order, now: mark_overdue(order, action, "", NOW, now))


def be_done(walk: Walk, number: int) -> None:
    walk.attempt(complete)


def command_done(walk: Walk, number: int) -> None:
    if walk.open_commands:
        walk.open_commands -= 1
        walk.hear(ProcessEvent("command_done"))


def timer(walk: Walk, number: int) -> None:
    walk.hear(ProcessEvent("timer:payment"))


STEPS = (
    reserve,
    refuse,
    answer,
    answer,
    answer,
    stop,
    leave,
    leave,
    come_back,
    be_late,
    be_done,
    command_done,
    timer,
)
FORWARD = (reserve, answer, answer, leave, come_back)


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """An order after up to 40 steps; every other one begins towards a shipment."""
    walk = Walk.of(draw(drafts()))
    if draw(st.booleans()):
        for step in FORWARD[: draw(st.integers(1, len(FORWARD)))]:
            step(walk, draw(st.sampled_from([1, 2, 3, 4, 6, 7])))
    for step in draw(st.lists(st.sampled_from(STEPS), max_size=40)):
        step(walk, draw(st.integers(0, 400)))
    return walk
