"""Posting as a pure function of state and events: order is free for money, strict for cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.adapters.rules.rule_files import default_catalogue
from tandem_finance_posting.domain.cost_pool import CostPool
from tandem_finance_posting.domain.cost_state import PoolKey
from tandem_finance_posting.domain.errors import RoundingExcess
from tandem_finance_posting.domain.event_posting import Posted
from tandem_finance_posting.domain.finance_event import (
    COST_MISSING,
    PREDECESSOR_MISSING,
    FinanceEvent,
    Hold,
)
from tandem_finance_posting.domain.journal import Journal
from tandem_finance_posting.domain.posting_book import PostingBook

RULES = {"t": default_catalogue()}
TODAY = date(2026, 3, 2)


def new_book() -> PostingBook:
    return PostingBook(RULES, TODAY)


ORDER = "order-1"


def event(kind: str, event_id: str, facts: dict[str, object], **rest: object) -> FinanceEvent:
    values: dict[str, object] = {"order_id": ORDER, **rest}
    return FinanceEvent(
        tenant="t", source_system="test", type=kind, id=event_id, legal_entity="US01",
        original_date=date(2026, 3, 2), currency_code="USD", facts=facts, **values,  # type: ignore[arg-type]
    )  # fmt: skip


def capture(amount: int = 10_800) -> FinanceEvent:
    return event("payment.captured", "c1", {"amount": amount})


def shipment(quantity: int = 2, event_id: str = "s1") -> FinanceEvent:
    line = {"line_ref": "1", "list": 10_000, "sku": "A", "quantity": quantity}
    taxes = [{"amount": 800, "jurisdiction": "US-NY"}]
    return event("shipment.confirmed", event_id, {"lines": [line], "taxes": taxes})


def receipt(quantity: int = 10, cost: int = 5_000, event_id: str = "r1") -> FinanceEvent:
    line = {"cost": cost, "sku": "A", "quantity": quantity}
    return event("po.received", event_id, {"receipts": [line]}, order_id="")


def refund(quantity: int = 1, disposition: str = "RESTOCK") -> FinanceEvent:
    back = {"line_ref": "1", "sku": "A", "quantity": quantity, "disposition": disposition}
    facts = {
        "lines": [{"net": 5_000, "tax": 400, "sku": "A"}],
        "goods": [] if disposition == "KEEP" else [back],
    }
    return event("refund.approved", "f1", facts)


def post_all(book: PostingBook, events: Sequence[FinanceEvent]) -> list[Journal]:
    journals: list[Journal] = []
    for item in events:
        posted = book.post(item)
        assert isinstance(posted, Posted), posted
        journals.extend(posted.journals)
    return journals


def balances(journals: Sequence[Journal]) -> dict[str, int]:
    total: dict[str, int] = {}
    for journal in journals:
        for line in journal.lines:
            total[line.role] = total.get(line.role, 0) + line.amount * line.side.sign
    return {role: amount for role, amount in total.items() if amount}


def test_payment_before_or_after_shipment_gives_the_same_books() -> None:
    closed = [
        balances(post_all(new_book(), [receipt(), *order]))
        for order in permutations([capture(), shipment()])
    ]
    assert closed[0] == closed[1]
    assert "AR_ORDER" not in closed[0]
    assert "CUSTOMER_DEPOSIT" not in closed[0]


@given(
    captures=st.lists(st.integers(min_value=1, max_value=10_000), min_size=1, max_size=4),
    data=st.data(),
)
def test_any_order_of_captures_and_shipments_ends_in_the_same_balances(
    captures: list[int], data: st.DataObject
) -> None:
    events = [
        event("payment.captured", f"c{n}", {"amount": amount}) for n, amount in enumerate(captures)
    ]
    events += [shipment(1, "s1"), shipment(1, "s2")]
    shuffled = data.draw(st.permutations(events))
    plain = balances(post_all(new_book(), [receipt(), *events]))
    assert balances(post_all(new_book(), [receipt(), *shuffled])) == plain


def test_goods_without_a_received_cost_wait_and_change_nothing() -> None:
    book = new_book()
    held = book.post(shipment())
    assert isinstance(held, Hold)
    assert held.gate == COST_MISSING
    assert "A" in held.detail
    assert not book.open_items


def test_a_later_issue_of_the_same_sku_does_not_overtake_a_held_one() -> None:
    book = new_book()
    book.post(shipment(20, "s1"))
    post_all(book, [receipt(10)])
    held = book.post(shipment(1, "s2"))
    assert isinstance(held, Hold)


def test_a_return_waits_for_its_shipment() -> None:
    book = new_book()
    post_all(book, [receipt()])
    held = book.post(refund())
    assert isinstance(held, Hold)
    assert held.gate == PREDECESSOR_MISSING


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        ("RESTOCK", {"INVENTORY": 500, "COGS": -500}),
        ("SCRAP", {"RETURN_LOSS": 500, "COGS": -500}),
        ("QUARANTINE", {"INV_RETURNS_HOLD": 500, "COGS": -500}),
        ("KEEP", {}),
    ],
)
def test_a_return_reverses_goods_by_disposition_at_the_cost_they_left_with(
    disposition: str, expected: dict[str, int]
) -> None:
    book = new_book()
    post_all(book, [receipt(), capture(), shipment()])
    # The pool's average moves on; the return must not care.
    dearer = receipt(3, 99_999, "r2")
    post_all(book, [dearer])
    posted = balances(post_all(book, [refund(disposition=disposition)]))
    goods = {
        r: a for r, a in posted.items() if r not in ("REV_RETURNS", "TAX_PAYABLE", "REFUND_PAYABLE")
    }
    assert goods == expected


def test_a_failing_event_leaves_the_book_as_it_was() -> None:
    book = new_book()
    post_all(book, [receipt()])
    before = pool_of(book)
    unpaid = event(
        "pos.sale", "p1", {"lines": [{"line_ref": "1", "sku": "A", "quantity": 1, "list": 500}]}
    )
    with pytest.raises(RoundingExcess):
        book.post(unpaid)
    assert pool_of(book) == before


def pool_of(book: PostingBook) -> CostPool:
    return book.cost.state.pool(PoolKey("t", "US01", "", "A"))


def test_inventory_in_the_books_is_the_value_of_the_pools() -> None:
    book = new_book()
    journals = post_all(book, [receipt(7, 1_000), capture(), shipment(2), refund(1)])
    assert balances(journals)["INVENTORY"] == pool_of(book).value


def test_refunds_never_exceed_what_was_paid_and_wait_for_it() -> None:
    """I11: also when each of two refunds would be covered alone; a reversed one frees its share."""
    book = new_book()
    post_all(book, [receipt(), shipment()])
    waiting = book.post(refund(disposition="KEEP"))
    assert isinstance(waiting, Hold)
    assert waiting.gate == PREDECESSOR_MISSING
    assert "5400 above what was paid" in waiting.detail
    post_all(book, [capture(10_000), refund(disposition="KEEP")])
    second = replace(refund(disposition="KEEP"), id="f2")
    assert isinstance(book.post(second), Hold)
    voids = {"voids": refund(disposition="KEEP").key}
    post_all(book, [event("refund.withdrawn", "w1", voids), second])


def test_a_refund_over_the_counter_is_covered_by_its_tenders() -> None:
    book = new_book()
    line = {"line_ref": "1", "sku": "A", "quantity": 1, "list": 5_400}
    sale = event("pos.sale", "p1", {"cash": 5_400, "lines": [line]})
    post_all(book, [receipt(), sale, refund()])
    assert isinstance(book.post(replace(refund(disposition="KEEP"), id="f2")), Hold)
