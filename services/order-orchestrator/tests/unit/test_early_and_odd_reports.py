"""Reports that do not fit the order they name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tandem_core.errors import CurrencyMismatch, ValidationFailed
from tandem_order_orchestrator.application.process_values import reservation_line_id
from tandem_order_orchestrator.domain.draft import DraftLine, ExternalRef, OrderDraft, check_draft
from tandem_order_orchestrator.domain.errors import (
    OrderLineQuantity,
    OrderStateError,
    RefundExceedsCapture,
    ReportTooEarly,
    TendersDisagree,
)
from tandem_order_orchestrator.domain.events import PaymentDue, PaymentOverdue
from tandem_order_orchestrator.domain.order_parts import Tender
from tandem_order_orchestrator.domain.order_payment import PaymentAnswer, answered, mark_overdue
from tandem_order_orchestrator.domain.order_return import (
    ReturnRequest,
    ReturnRequestLine,
    approve_return,
)
from tandem_order_orchestrator.domain.order_shipment import ShipmentConfirmation, ship
from tandem_order_orchestrator.domain.order_state import (
    Disposition,
    PaymentAction,
    PaymentState,
    ReturnState,
    TenderType,
)
from tandem_order_orchestrator.domain.store_sale import StoreSale, record_sale

from .order_walks import NOW, Walk, leave, reserve, stop

REF = ExternalRef("shop", "refund", "1")


def draft(*lines: DraftLine) -> OrderDraft:
    own = lines or (DraftLine("1", "MUG", 3, 3000), DraftLine("2", "MUG", 2, 1000))
    return OrderDraft(ExternalRef("shop", "order", "1"), "web", "USD", NOW, own, "card")


def pay(walk: Walk, *actions: PaymentAction, succeeded: bool = True) -> None:
    for action in actions:
        due = walk.dues(action)[-1]
        given = PaymentAnswer(
            due.command_id, action, succeeded, due.amount, "ref", "NO", NOW, "USD"
        )
        walk.take(answered(walk.order, given, walk.now))


def released() -> Walk:
    walk = Walk.of(draft())
    reserve(walk, 0)
    pay(walk, PaymentAction.AUTHORISE, PaymentAction.CAPTURE)
    return walk


def confirm(**by_sku: int) -> ShipmentConfirmation:
    return ShipmentConfirmation("STORE-1", "ref", NOW, by_sku=by_sku)


def test_units_of_a_sku_are_spread_over_its_lines_in_their_order() -> None:
    order = ship(released().order, confirm(MUG=4), NOW).order
    assert [line.quantities.shipped for line in order.lines] == [3, 1]


def test_more_units_than_a_location_was_given_are_refused() -> None:
    with pytest.raises(OrderLineQuantity):
        ship(released().order, confirm(MUG=6), NOW)


def test_a_report_of_no_units_is_not_read_as_all_of_them() -> None:
    with pytest.raises(OrderLineQuantity):
        ship(released().order, confirm(MUG=0), NOW)


def test_a_shipment_before_payment_is_early_and_after_a_cancellation_wrong() -> None:
    walk = Walk.of(draft())
    reserve(walk, 0)
    with pytest.raises(ReportTooEarly):
        ship(walk.order, confirm(), NOW)
    stop(walk, 0)
    with pytest.raises(OrderStateError) as refused:
        ship(walk.order, confirm(), NOW)
    assert not isinstance(refused.value, ReportTooEarly)


def test_an_authorisation_is_let_go_when_its_capture_is_declined() -> None:
    walk = Walk.of(draft())
    reserve(walk, 0)
    pay(walk, PaymentAction.AUTHORISE)
    pay(walk, PaymentAction.CAPTURE, succeeded=False)
    assert [due.amount for due in walk.dues(PaymentAction.VOID)] == [4000]
    pay(walk, PaymentAction.VOID)
    assert walk.order.payment.state is PaymentState.VOIDED


@pytest.mark.parametrize(
    ("amount", "currency", "error"),
    [(3999, "USD", ValidationFailed), (4000, "EUR", CurrencyMismatch)],
)
def test_goods_are_not_released_for_other_money_than_was_asked(
    amount: int, currency: str, error: type[Exception]
) -> None:
    walk = Walk.of(draft())
    reserve(walk, 0)
    pay(walk, PaymentAction.AUTHORISE)
    [due] = walk.dues(PaymentAction.CAPTURE)
    given = PaymentAnswer(due.command_id, due.action, True, amount, "ref", "", NOW, currency)
    with pytest.raises(error):
        answered(walk.order, given, NOW)


def test_a_refund_of_nothing_is_not_asked_of_the_provider() -> None:
    walk = released()
    leave(walk, 1)
    line = ReturnRequestLine("1", 1, Disposition.KEEP, net_amount=0, tax_amount=0)
    change = approve_return(walk.order, ReturnRequest(REF, (line,)), NOW)
    assert [e for e in change.events if isinstance(e, PaymentDue)] == []
    assert change.order.returns[0].state is ReturnState.SETTLED


def test_refunds_under_way_count_against_what_was_taken() -> None:
    walk = released()
    leave(walk, 1)
    line = ReturnRequestLine("1", 1, Disposition.KEEP, net_amount=3000)
    walk.take(approve_return(walk.order, ReturnRequest(REF, (line,)), NOW))
    again = ReturnRequest(ExternalRef("shop", "refund", "2"), (line,))
    with pytest.raises(RefundExceedsCapture):
        approve_return(walk.order, again, NOW)


def test_a_declined_refund_does_not_enlarge_the_refund_of_a_cancellation() -> None:
    walk = released()
    by_line = ShipmentConfirmation("STORE-1", "ref", NOW, by_line={"1": 3})
    walk.take(ship(walk.order, by_line, NOW))
    line = ReturnRequestLine("1", 3, Disposition.RESTOCK)
    walk.take(approve_return(walk.order, ReturnRequest(REF, (line,)), NOW))
    pay(walk, PaymentAction.REFUND, succeeded=False)
    stop(walk, 0)
    assert walk.dues(PaymentAction.REFUND)[-1].amount == 1000


def test_a_store_gives_back_no_more_than_was_paid() -> None:
    sale = StoreSale(
        draft(DraftLine("1", "MUG", 3, 2998)),
        "STORE-1",
        "1",
        1,
        "2026-03-02",
        (Tender(TenderType.CASH, 2995),),
    )
    order = record_sale("demo", sale, NOW).order
    line = ReturnRequestLine("1", 3, Disposition.RESTOCK)
    back = approve_return(order, ReturnRequest(REF, (line,)), NOW).order
    assert back.payment.refunded == 2998
    more = ReturnRequest(ExternalRef("shop", "refund", "2"), (), shipping_amount=1)
    with pytest.raises(RefundExceedsCapture):
        approve_return(back, more, NOW)


def test_tenders_may_differ_by_cash_rounding_only() -> None:
    def sale(paid: int) -> StoreSale:
        tenders = (Tender(TenderType.CASH, paid),)
        return StoreSale(draft(), "STORE-1", "1", 1, "2026-03-02", tenders)

    assert record_sale("demo", sale(4005), NOW).order.payment.captured == 4005
    with pytest.raises(TendersDisagree):
        record_sale("demo", sale(4006), NOW)


def test_a_late_payment_shows_until_it_is_answered() -> None:
    walk = Walk.of(draft())
    reserve(walk, 0)
    due_at = NOW + timedelta(minutes=15)
    change = mark_overdue(walk.order, PaymentAction.AUTHORISE, "", due_at, NOW)
    assert [type(event) for event in change.events] == [PaymentOverdue]
    walk.take(change)
    assert mark_overdue(walk.order, PaymentAction.AUTHORISE, "", due_at, NOW).events == ()
    pay(walk, PaymentAction.AUTHORISE)
    assert walk.order.payment.overdue == ()


def test_a_payment_that_was_answered_meanwhile_is_not_late() -> None:
    walk = released()
    assert mark_overdue(walk.order, PaymentAction.CAPTURE, "", NOW, NOW).events == ()


def test_long_names_of_lines_still_make_a_name_the_contract_takes() -> None:
    assert reservation_line_id("1", "DC-1") == "1@DC-1"
    long = {reservation_line_id("r" * 100, f"{'l' * 60}{n}") for n in range(3)}
    assert len(long) == 3
    assert max(map(len, long)) <= 100


def test_all_wrong_fields_of_a_draft_are_named_at_once() -> None:
    wrong = draft(DraftLine("1", "MUG", 1, 100, 200), DraftLine("1", "TEE", 1, -1))
    with pytest.raises(ValidationFailed) as refused:
        check_draft(wrong)
    rules = {violation.rule for violation in refused.value.violations}
    assert rules == {"order.discount", "order.line_ref.unique", "order.amount.sign", "order.total"}
