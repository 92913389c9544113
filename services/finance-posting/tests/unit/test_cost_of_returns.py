"""Goods that come back, go to repair, to the vendor or another area, at the cost they left with."""

from __future__ import annotations

import pytest
from tandem_finance_posting.domain.cost_ledger import CostLedger
from tandem_finance_posting.domain.errors import FinanceFactInvalid
from tandem_finance_posting.domain.finance_event import COST_MISSING, PREDECESSOR_MISSING, Hold

from .cost_stories import (
    chosen,
    do,
    goods_event,
    ledger,
    moves,
    numbers,
    on_the_books,
    pool,
    post,
    stocked,
)


def sold(quantity: int = 3, cost: int = 1_000) -> CostLedger:
    book = stocked(quantity, cost)
    do(book, "issue", order_id="o", quantity=quantity, line_ref="1")
    return book


def test_returns_come_back_at_the_cost_they_left_with_and_close_to_the_cent() -> None:
    book = sold()
    do(book, "receive", quantity=5, cost=99_999)
    costs = [
        do(book, "return_in", order_id="o", quantity=1, line_ref="1")["cost"] for _ in range(3)
    ]
    assert costs == [333, 334, 333]
    again = goods_event("o", return_in=[{"sku": "A", "quantity": 1, "line_ref": "1"}])
    held = post(book, again, moves("return_in"))
    assert isinstance(held, Hold)
    assert held.gate == PREDECESSOR_MISSING


@pytest.mark.parametrize(
    ("disposition", "moved"),
    [
        ("RESTOCK", {"restock": 1_000}),
        ("SCRAP", {"scrap": 1_000}),
        ("VENDOR", {"vendor": 1_000}),
        ("REFURBISH", {"refurb": 400, "loss": 600}),
        ("QUARANTINE", {"hold": 1_000}),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_goods_go_on_by_what_they_are_fit_for(
    disposition: str, moved: dict[str, int], at_once: bool
) -> None:
    book = sold()
    values = {"order_id": "o", "quantity": 3, "line_ref": "1"}
    if not at_once:
        do(book, "return_in", **values)
    kind = "return_in_and_dispose" if at_once else "dispose"
    stamp = do(book, kind, disposition=disposition, recoverable=400, **values)
    names = ("restock", "scrap", "refurb", "loss", "vendor", "hold")
    assert {name: stamp[name] for name in names if stamp[name]} == moved
    assert stamp["cost"] == 1_000
    lost = moved.get("scrap", 0) + moved.get("loss", 0)
    assert on_the_books(book) == 1_000 - lost


def test_goods_the_customer_keeps_move_nothing() -> None:
    book = sold()
    kept = {"order_id": "o", "quantity": 3, "line_ref": "1", "disposition": "KEEP"}
    assert do(book, "return_in_and_dispose", **kept) == {}
    assert on_the_books(book) == 0


def test_a_return_is_worth_no_more_than_it_cost() -> None:
    book = sold()
    record = {"sku": "A", "quantity": 3, "line_ref": "1", "disposition": "REFURBISH"}
    event = goods_event("o", return_in_and_dispose=[{**record, "recoverable": 1_001}])
    with pytest.raises(FinanceFactInvalid, match="recoverable"):
        book.gate(event, moves("return_in_and_dispose"))


def test_a_repair_carries_its_work_into_the_stock_of_the_repaired_sku() -> None:
    book = sold()
    line = {"order_id": "o", "line_ref": "1"}
    do(book, "return_in", quantity=3, **line)
    do(book, "dispose", quantity=3, disposition="REFURBISH", recoverable=600, **line)
    do(book, "refurb_work", cost=101, **line)
    first = do(book, "refurb_done", quantity=1, refurb_sku="A-REF", **line)
    rest = do(book, "refurb_done", quantity=2, refurb_sku="A-REF", **line)
    assert (first["cost"], rest["cost"]) == (234, 467)
    assert numbers(pool(book, "A-REF")) == (3, 701)
    assert on_the_books(book) == 701


def test_goods_shipped_with_control_at_delivery_are_sold_at_the_door() -> None:
    book = ledger(chosen(control_point="deliver"))
    do(book, "receive", quantity=10, cost=1_000)
    line = {"order_id": "o", "line_ref": "1", "quantity": 2}
    assert do(book, "ship", **line)["cost"] == 200
    early = goods_event("o", return_in=[{"sku": "A", "quantity": 1, "line_ref": "1"}])
    assert isinstance(post(book, early, moves("return_in")), Hold)
    assert on_the_books(book) == 1_000
    assert do(book, "deliver", **line)["cost"] == 200
    assert on_the_books(book) == 800
    assert not isinstance(post(book, early, moves("return_in")), Hold)


def test_goods_sold_when_they_leave_are_not_sold_again_at_the_door() -> None:
    book = stocked()
    line = {"order_id": "o", "line_ref": "1", "quantity": 2}
    assert do(book, "ship", **line)["cost"] == 200
    assert do(book, "deliver", **line) == {}
    assert on_the_books(book) == 800


def test_a_vendor_return_from_stock_claims_its_credit_and_leaves_the_difference() -> None:
    book = stocked(10, 12_000)
    picked = do(book, "vendor_pick", quantity=1, rtv_ref="V1")
    shipped = do(book, "vendor_ship", quantity=1, rtv_ref="V1", credit=1_000)
    assert (picked["cost"], shipped["cost"], shipped["credit"]) == (1_200, 1_200, 1_000)
    assert on_the_books(book) == 10_800


def test_counts_move_units_at_what_the_pool_is_worth() -> None:
    book = stocked(3, 1_000)
    assert do(book, "adjust", delta=-1)["value"] == -333
    assert do(book, "adjust", delta=2)["value"] == 667
    assert numbers(pool(book)) == (4, 1_334)


def test_units_found_where_none_were_known_need_a_cost() -> None:
    book = ledger()
    held = post(book, goods_event(adjust=[{"sku": "A", "delta": 2}]), moves("adjust"))
    assert isinstance(held, Hold)
    assert held.gate == COST_MISSING
    assert do(ledger(), "adjust", delta=2, cost=500)["value"] == 500


def test_a_transfer_arrives_in_parts_and_the_rest_is_lost() -> None:
    book = stocked(10, 1_001)
    way = {"transfer_ref": "T1"}
    assert do(book, "transfer_out", quantity=7, **way)["cost"] == 701
    assert do(book, "transfer_in", quantity=2, area="S1", **way)["cost"] == 200
    assert do(book, "transfer_in", quantity=4, area="S1", **way)["cost"] == 401
    assert do(book, "transfer_lost", **way)["cost"] == 100
    assert numbers(pool(book, area="S1")) == (6, 601)
    assert on_the_books(book) == 901


def test_a_loss_does_not_overtake_an_arrival_that_waits() -> None:
    book = stocked()
    do(book, "transfer_out", quantity=5, transfer_ref="T1")
    arrival = goods_event(transfer_in=[{"sku": "A", "quantity": 5, "transfer_ref": "T1"}])
    book.note_hold(arrival, moves("transfer_in"))
    loss = goods_event(transfer_lost=[{"sku": "A", "transfer_ref": "T1"}])
    assert isinstance(post(book, loss, moves("transfer_lost")), Hold)
    assert not isinstance(post(book, arrival, moves("transfer_in")), Hold)


def test_more_than_was_shipped_never_arrives() -> None:
    book = stocked()
    do(book, "transfer_out", quantity=5, transfer_ref="T1")
    more = goods_event(transfer_in=[{"sku": "A", "quantity": 6, "transfer_ref": "T1"}])
    held = post(book, more, moves("transfer_in"))
    assert isinstance(held, Hold)
    assert held.gate == PREDECESSOR_MISSING
