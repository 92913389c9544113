"""Posting as a pure function of state and events: order is free for money, strict for cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.adapters.rules.rule_files import default_rules
from tandem_finance_posting.domain.errors import FinanceFactInvalid
from tandem_finance_posting.domain.finance_event import (
    COST_MISSING,
    PREDECESSOR_MISSING,
    CostIssue,
    CostReceipt,
    CostReturn,
    FinanceEvent,
    Hold,
)
from tandem_finance_posting.domain.journal import Journal
from tandem_finance_posting.domain.posting_book import Posted, PostingBook

RULES = default_rules()
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
    line = {"list": 10_000, "discount": 0, "funded": 0, "sku": "A"}
    taxes = [{"amount": 800, "jurisdiction": "US-NY"}]
    facts = {"ship": 0, "lines": [line], "taxes": taxes}
    return event("shipment.confirmed", event_id, facts, issues=(CostIssue("1", "A", quantity),))


def receipt(quantity: int = 10, cost: int = 5_000) -> FinanceEvent:
    return event(
        "po.received", "r1", {"receipts": [{"cost": cost, "sku": "A"}]},
        order_id="", receipts=(CostReceipt("A", quantity, cost),),
    )  # fmt: skip


def refund(quantity: int = 1, disposition: str = "RESTOCK") -> FinanceEvent:
    facts = {
        "ship": 0, "ship_tax": 0, "lines": [{"net": 5_000, "tax": 400, "sku": "A"}],
        "returned_costs": [],
    }  # fmt: skip
    back = () if disposition == "KEEP" else (CostReturn("1", "A", quantity, disposition),)
    return event("refund.approved", "f1", facts, returns=back)


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
        balances(post_all(PostingBook(RULES), [receipt(), *order]))
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
    plain = balances(post_all(PostingBook(RULES), [receipt(), *events]))
    assert balances(post_all(PostingBook(RULES), [receipt(), *shuffled])) == plain


def test_goods_without_a_received_cost_wait_and_change_nothing() -> None:
    book = PostingBook(RULES)
    held = book.post(shipment())
    assert isinstance(held, Hold)
    assert held.gate == COST_MISSING
    assert "A" in held.detail
    assert book.open_items == {}


def test_a_later_issue_of_the_same_sku_does_not_overtake_a_held_one() -> None:
    book = PostingBook(RULES)
    book.post(shipment(20, "s1"))
    book.pools[("t", "US01", "A")] = book.pools.get(("t", "US01", "A"), None) or _pool(10)
    held = book.post(shipment(1, "s2"))
    assert isinstance(held, Hold)


def _pool(quantity: int) -> object:
    from tandem_finance_posting.domain.cost_pool import CostPool

    return CostPool(quantity, quantity * 500)


def test_a_return_waits_for_its_shipment() -> None:
    book = PostingBook(RULES)
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
    book = PostingBook(RULES)
    post_all(book, [receipt(), shipment()])
    # The pool's average moves on; the return must not care.
    dearer = event(
        "po.received", "r2", {"receipts": [{"cost": 99_999, "sku": "A"}]},
        order_id="", receipts=(CostReceipt("A", 3, 99_999),),
    )  # fmt: skip
    post_all(book, [dearer])
    posted = balances(post_all(book, [refund(disposition=disposition)]))
    goods = {
        r: a for r, a in posted.items() if r not in ("REV_RETURNS", "TAX_PAYABLE", "REFUND_PAYABLE")
    }
    assert goods == expected


def test_a_failing_event_leaves_the_book_as_it_was() -> None:
    book = PostingBook(RULES)
    post_all(book, [receipt()])
    before = dict(book.pools)
    broken = event("shipment.confirmed", "s9", {"lines": []}, issues=(CostIssue("1", "A", 1),))
    with pytest.raises(FinanceFactInvalid):
        book.post(broken)
    assert book.pools == before


def test_inventory_in_the_books_is_the_value_of_the_pools() -> None:
    book = PostingBook(RULES)
    journals = post_all(book, [receipt(7, 1_000), shipment(2), refund(1)])
    pool = book.pools[("t", "US01", "A")]
    assert balances(journals)["INVENTORY"] == pool.value
