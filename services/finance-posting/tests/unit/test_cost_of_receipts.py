"""What goods turn out to cost: invoices, credits, freight, revaluation, write-down."""

from __future__ import annotations

import pytest
from tandem_finance_posting.domain.cost_ledger import CostLedger
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.errors import FinanceFactInvalid
from tandem_finance_posting.domain.finance_event import PREDECESSOR_MISSING, Hold

from .cost_stories import (
    AVERAGE,
    FIFO,
    chosen,
    do,
    goods_event,
    ledger,
    moves,
    numbers,
    parts,
    pool,
    post,
    stocked,
)


@pytest.mark.parametrize("policy", [AVERAGE, FIFO])
def test_an_invoice_reaches_only_what_is_left_of_its_receipt(policy: CostPolicy) -> None:
    book = ledger(policy)
    do(book, "receive", quantity=100, cost=10_000, receipt_ref="R1")
    do(book, "receive", quantity=50, cost=9_000, receipt_ref="R2")
    do(book, "issue", order_id="o", quantity=20, line_ref="1")
    before = pool(book).value
    stamp = do(book, "invoice", quantity=100, cost=11_000, receipt_ref="R1")
    assert parts(stamp, "expected", "to_stock") == [10_000, 800]
    assert pool(book).value == before + 800
    if policy is FIFO:
        assert [x.value for x in pool(book).layers] == [8_800, 9_000]


def test_an_invoice_in_parts_clears_what_was_received_to_the_cent() -> None:
    book = stocked(3, 1_000, receipt_ref="R1")
    cleared = [
        do(book, "invoice", quantity=1, cost=333, receipt_ref="R1")["expected"] for _ in range(3)
    ]
    assert sum(cleared) == 1_000
    more = goods_event(invoice=[{"sku": "A", "quantity": 1, "cost": 1, "receipt_ref": "R1"}])
    held = post(book, more, moves("invoice"))
    assert isinstance(held, Hold)
    assert "4 units" in held.detail


def test_an_invoice_waits_for_its_receipt() -> None:
    event = goods_event(invoice=[{"sku": "A", "quantity": 1, "cost": 1, "receipt_ref": "R1"}])
    held = post(ledger(), event, moves("invoice"))
    assert isinstance(held, Hold)
    assert held.gate == PREDECESSOR_MISSING


@pytest.mark.parametrize("policy", [AVERAGE, FIFO])
def test_a_credit_never_makes_stock_worth_less_than_nothing(policy: CostPolicy) -> None:
    book = ledger(policy)
    do(book, "receive", quantity=10, cost=100, receipt_ref="R1")
    do(book, "issue", order_id="o", quantity=9, line_ref="1")
    stamp = do(book, "credit_note", cost=90_000, receipt_ref="R1")
    assert stamp["to_stock"] == -10
    assert numbers(pool(book)) == (1, 0)


def landed() -> CostLedger:
    book = ledger()
    receipts = [
        {"sku": "A", "quantity": 10, "cost": 6_000, "weight": 1},
        {"sku": "B", "quantity": 30, "cost": 3_000, "weight": 2},
    ]
    event = goods_event(receive=[{**x, "receipt_ref": "R1"} for x in receipts])
    assert not isinstance(post(book, event, moves("receive")), Hold)
    return book


@pytest.mark.parametrize(
    ("key", "shares"), [("value", [67, 33]), ("weight", [33, 67]), ("quantity", [25, 75])]
)
def test_landed_cost_is_divided_by_its_key_without_losing_a_cent(
    key: str, shares: list[int]
) -> None:
    book = landed()
    event = goods_event(landed_estimate=[{"receipt_ref": "R1", "cost": 100, "key": key}])
    stamped = post(book, event, moves("landed_estimate"))
    assert not isinstance(stamped, Hold)
    assert [x["cost"] for x in stamped["landed_estimate_done"]] == shares
    assert [pool(book, sku).value for sku in "AB"] == [6_000 + shares[0], 3_000 + shares[1]]


def test_the_freight_invoice_clears_the_estimate_and_moves_what_is_left() -> None:
    book = landed()
    estimate = {"receipt_ref": "R1", "cost": 100, "key": "quantity"}
    post(book, goods_event(landed_estimate=[estimate]), moves("landed_estimate"))
    do(book, "issue", order_id="o", quantity=5, line_ref="1")
    event = goods_event(landed_invoice=[{**estimate, "cost": 140}])
    stamped = post(book, event, moves("landed_invoice"))
    assert not isinstance(stamped, Hold)
    found = [parts(x, "cost", "estimate", "to_stock") for x in stamped["landed_invoice_done"]]
    assert found == [[35, 25, 5], [105, 75, 30]]


def test_a_key_no_line_measures_is_refused() -> None:
    book = stocked(receipt_ref="R1")
    event = goods_event(landed_estimate=[{"receipt_ref": "R1", "cost": 100, "key": "weight"}])
    with pytest.raises(FinanceFactInvalid, match="key"):
        book.gate(event, moves("landed_estimate"))


def test_a_revaluation_counts_the_units_of_its_moment_and_stops_at_nothing() -> None:
    book = stocked(10, 1_000)
    assert do(book, "revalue", change=7)["value"] == 70
    assert do(book, "revalue", change=-1_000)["value"] == -1_070
    assert numbers(pool(book)) == (10, 0)


@pytest.mark.parametrize(("write_back", "back"), [(True, 300), (False, 0)])
def test_a_write_down_is_trued_up_and_taken_back_only_where_allowed(
    write_back: bool, back: int
) -> None:
    book = ledger(chosen(nrv_write_back="allowed" if write_back else "forbidden"))
    do(book, "receive", quantity=10, cost=1_000)
    first = do(book, "write_down", nrv=40)
    assert parts(first, "write_down", "write_back", "released") == [600, 0, 0]
    do(book, "issue", order_id="o", quantity=5, line_ref="1")
    second = do(book, "write_down", nrv=100)
    assert parts(second, "write_down", "write_back", "released") == [0, back, 300]
    assert pool(book).value == 500, "cost is not touched by an allowance"
