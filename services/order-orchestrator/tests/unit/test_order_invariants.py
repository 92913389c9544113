"""What stays true of an order whatever happens to it (invariants 18 to 24 of the design)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_order_orchestrator.domain import order_process
from tandem_order_orchestrator.domain.amount_shares import line_share, share
from tandem_order_orchestrator.domain.draft import OrderDraft
from tandem_order_orchestrator.domain.events import (
    FulfilmentShipped,
    OrderCancelled,
    PaymentCaptured,
    PaymentDue,
    RefundSettled,
)
from tandem_order_orchestrator.domain.order_process import ProcessStep
from tandem_order_orchestrator.domain.order_state import (
    FulfilmentState,
    OrderState,
    PaymentAction,
    ReturnState,
    StateFacts,
    derive_state,
)

from .order_walks import Walk, answer, drafts, reserve, stop, walks


@settings(max_examples=120, deadline=None)
@given(walks())
def test_no_unit_of_a_line_is_lost_or_made(walk: Walk) -> None:
    for change in walk.changes:
        for line in change.order.lines:
            quantities = line.quantities
            assert quantities.ordered == line.draft.quantity
            assert min(vars(quantities).values()) >= 0
            assert quantities.returned <= quantities.shipped


@settings(max_examples=80, deadline=None)
@given(walks())
def test_the_state_follows_from_the_lines_alone(walk: Walk) -> None:
    order = walk.order
    facts = StateFacts(rejected=order.rejected, completed=order.completed)
    quantities = [line.quantities for line in order.lines]
    assert order.state is derive_state(quantities, facts)
    assert order.state is derive_state(list(reversed(quantities)), facts)


@settings(max_examples=80, deadline=None)
@given(walks())
def test_every_event_is_one_version(walk: Walk) -> None:
    version = 0
    for change in walk.changes:
        version += len(change.events)
        assert change.order.version == version


@settings(max_examples=120, deadline=None)
@given(walks())
def test_what_was_refunded_or_is_due_back_never_exceeds_what_was_taken(walk: Walk) -> None:
    for change in walk.changes:
        payment = change.order.payment
        assert payment.refunded + payment.refund_due <= payment.captured
        assert min(payment.refunded, payment.refund_due) >= 0
    captured = sum(e.amount for e in walk.events if isinstance(e, PaymentCaptured))
    settled = sum(e.amount for e in walk.events if isinstance(e, RefundSettled))
    assert settled <= captured


@settings(max_examples=80, deadline=None)
@given(walks())
def test_the_provider_is_asked_once_for_each_operation(walk: Walk) -> None:
    asked = Counter(e.command_id for e in walk.events if isinstance(e, PaymentDue))
    assert set(asked.values()) <= {1}
    assert all(e.amount > 0 for e in walk.events if isinstance(e, PaymentDue))


@settings(max_examples=80, deadline=None)
@given(walks())
def test_shipments_add_up_to_the_units_and_amounts_of_their_lines(walk: Walk) -> None:
    shipped = [e for e in walk.events if isinstance(e, FulfilmentShipped)]
    for line in walk.order.lines:
        parts = [x for e in shipped for x in e.lines if x.line_ref == line.draft.line_ref]
        units = sum(part.quantity for part in parts)
        assert units == line.quantities.shipped
        if units:
            assert sum(p.charged for p in parts) == line_share(line.draft, 0, units).charged
    assert sum(e.shipping_amount for e in shipped) == (
        walk.order.draft.shipping_amount if shipped else 0
    )


@settings(max_examples=80, deadline=None)
@given(walks())
def test_fulfilments_hold_what_the_lines_say(walk: Walk) -> None:
    held: Counter[tuple[str, str]] = Counter()
    for item in walk.order.fulfilments:
        for line in item.lines:
            held[line.line_ref, item.state.value] += line.quantity
    for line in walk.order.lines:
        ref, quantities = line.draft.line_ref, line.quantities
        assert held[ref, FulfilmentState.CREATED.value] == quantities.reserved
        assert held[ref, FulfilmentState.RELEASED.value] == quantities.released
        assert held[ref, FulfilmentState.SHIPPED.value] == quantities.shipped


@settings(max_examples=100, deadline=None)
@given(walks())
def test_a_full_cancellation_before_shipment_leaves_nothing_owed(walk: Walk) -> None:
    stop(walk, 0)
    for number in (1, 2, 3, 4, 6, 7, 8, 9, 11, 12) * 3:
        answer(walk, number)
    order = walk.order
    if order.state is not OrderState.CANCELLED:
        return
    declined = sum(r.refund_amount for r in order.returns if r.state is ReturnState.REFUND_DECLINED)
    payment = order.payment
    assert payment.captured - payment.refunded - payment.refund_due - declined == 0
    assert payment.captured or not payment.authorised or _let_go(walk)
    assert all(x.quantities.open == 0 for x in order.lines)


def _let_go(walk: Walk) -> bool:
    return bool(walk.dues(PaymentAction.VOID))


@settings(max_examples=100, deadline=None)
@given(drafts(), st.integers(0, 400))
def test_cancelled_units_and_refund_stand_in_one_event(draft: OrderDraft, number: int) -> None:
    walk = Walk.of(draft)
    reserve(walk, number)
    stop(walk, 0)
    [cancelled] = [e for e in walk.events if isinstance(e, OrderCancelled)]
    assert dict(cancelled.cancelled) == {x.line_ref: x.quantity for x in draft.lines}


@given(st.integers(0, 10**6), st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_shares_of_an_amount_add_up_for_any_split(total: int, parts: list[int]) -> None:
    units, done, given_out = sum(parts), 0, []
    for part in parts:
        given_out.append(share(total, done, part, units))
        done += part
    assert sum(given_out) == total
    assert min(given_out) >= 0


@settings(max_examples=100, deadline=None)
@given(walks())
def test_a_stored_history_replays_to_the_same_process(walk: Walk) -> None:
    step = ProcessStep("", {})
    for event, at in walk.heard:
        step = order_process.decide(step.state, step.data, event, at)
    assert (step.state, step.data, step.timer) == (
        walk.process.state,
        walk.process.data,
        walk.process.timer,
    )


@settings(max_examples=100, deadline=None)
@given(walks())
def test_the_process_knows_every_unanswered_command_and_payment(walk: Walk) -> None:
    assert walk.process.data["open_commands"] == walk.open_commands
    payment = walk.order.payment
    waiting = walk.process.data.get("payments", {})
    assert bool(payment.refund_due or payment.void_due) <= bool(waiting)
    late = {item.command_id for item in payment.overdue}
    assert late <= set(waiting)
    assert (walk.process.timer is not None) == any(not p["overdue"] for p in waiting.values())
