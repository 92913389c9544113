"""Published examples of stock valuation, in cents; where ours differs, the text says why."""

from __future__ import annotations

import pytest
from tandem_finance_posting.domain.cost_ledger import CostLedger
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.finance_event import COST_MISSING, Hold

from .cost_stories import AVERAGE, FIFO, do, goods_event, ledger, moves, numbers, pool, post


def receive(book: CostLedger, quantity: int, unit: int, receipt_ref: str = "") -> None:
    do(book, "receive", quantity=quantity, cost=quantity * unit, receipt_ref=receipt_ref)


def issue(book: CostLedger, quantity: int) -> int:
    cost: int = do(book, "issue", order_id="o", quantity=quantity, line_ref="1")["cost"]
    return cost


@pytest.mark.parametrize(
    ("policy", "values"),
    [(AVERAGE, [8_000, 14_400, 2_400, 3_600]), (FIFO, [8_000, 14_400, 3_200, 4_400])],
    ids=["average", "fifo"],
)
def test_receipts_and_an_issue_are_valued_as_odoo_documents(
    policy: CostPolicy, values: list[int]
) -> None:
    book, found = ledger(policy), []
    for quantity, unit in ((8, 1_000), (4, 1_600), (-10, 0), (2, 600)):
        if quantity > 0:
            receive(book, quantity, unit)
        else:
            issue(book, -quantity)
        found.append(pool(book).value)
    assert found == values


def test_a_vendor_return_of_the_last_unit_leaves_nothing_on_zero_units() -> None:
    """Odoo takes it out at the receipt's 10.00 and is left with 2.00 on no unit; here it leaves at
    the average of 12.00 and the 2.00 are a variance."""
    book = ledger()
    receive(book, 1, 1_200)
    picked = do(book, "vendor_pick", quantity=1, rtv_ref="V")
    shipped = do(book, "vendor_ship", quantity=1, rtv_ref="V", credit=1_000)
    assert picked["cost"] == 1_200
    assert shipped["cost"] - shipped["credit"] == 200
    assert numbers(pool(book)) == (0, 0)


def test_weighted_average_issues_are_those_of_the_cima_table() -> None:
    book, issued = ledger(), []
    for quantity, unit in (
        (100, 200), (400, 210), (-200, 0), (300, 212), (-400, 0), (100, 240), (-100, 0),
    ):  # fmt: skip
        if quantity > 0:
            receive(book, quantity, unit)
        else:
            issued.append(issue(book, -quantity))
    assert issued == [41_600, 84_000, 22_000]
    assert numbers(pool(book)) == (200, 44_000)
    assert sum(issued) + pool(book).value == 191_600


def test_an_average_that_is_no_whole_cent_is_rounded_when_a_unit_leaves() -> None:
    """Bigledger books the vendor's 100.00 against stock (2,100.00 left); here the unit leaves at
    91.67 and the 8.33 are a variance, so that the other units are worth what they cost."""
    book = ledger()
    receive(book, 10, 10_000)
    assert issue(book, 6) == 60_000
    receive(book, 20, 9_000)
    assert numbers(pool(book)) == (24, 220_000)
    do(book, "vendor_pick", quantity=1, rtv_ref="V")
    shipped = do(book, "vendor_ship", quantity=1, rtv_ref="V", credit=10_000)
    assert shipped["cost"] == 9_167
    assert shipped["credit"] - shipped["cost"] == 833
    assert numbers(pool(book)) == (23, 210_833)


def test_a_price_difference_covers_only_the_stock_that_is_left() -> None:
    """SAP's example: 120 of 300 units left, 0.20 dearer: 144.00, not 180.00, and 36.00 variance."""
    book = ledger()
    receive(book, 300, 100, "R")
    issue(book, 180)
    stamp = do(book, "invoice", quantity=300, cost=36_000, receipt_ref="R")
    assert numbers(pool(book)) == (120, 14_400)
    assert stamp["cost"] - stamp["expected"] - stamp["to_stock"] == 3_600


def test_eighty_of_a_hundred_left_take_eight_tenths_of_the_difference() -> None:
    book = ledger()
    receive(book, 100, 1_000, "R")
    issue(book, 20)
    stamp = do(book, "invoice", quantity=100, cost=101_000, receipt_ref="R")
    assert stamp["to_stock"] == 800
    assert stamp["cost"] - stamp["expected"] - stamp["to_stock"] == 200


def test_first_lots_leave_first_as_in_beancount() -> None:
    book = ledger(FIFO)
    for quantity, unit in ((4, 10_000), (5, 11_111), (6, 12_222)):
        receive(book, quantity, unit)
    assert issue(book, 12) == 4 * 10_000 + 5 * 11_111 + 3 * 12_222
    assert [(x.quantity, x.value) for x in pool(book).layers] == [(3, 36_666)]


def test_more_than_all_lots_together_does_not_leave() -> None:
    book = ledger(FIFO)
    for quantity, unit in ((4, 10_000), (5, 11_111), (6, 12_222)):
        receive(book, quantity, unit)
    event = goods_event("o", issue=[{"sku": "A", "quantity": 16, "line_ref": "1"}])
    held = post(book, event, moves("issue"))
    assert isinstance(held, Hold)
    assert held.gate == COST_MISSING
