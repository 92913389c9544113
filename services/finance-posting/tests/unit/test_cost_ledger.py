"""The cost sub-ledger move by move: what each stamps, what it waits for, what it undoes."""

from __future__ import annotations

from typing import Any

import pytest
from tandem_finance_posting.domain.cost_ledger import CostLedger, CostMove, needs
from tandem_finance_posting.domain.cost_pool import CostMethod
from tandem_finance_posting.domain.cost_state import CostPolicy, PoolKey
from tandem_finance_posting.domain.errors import FinanceFactInvalid, ReversalRefused
from tandem_finance_posting.domain.finance_event import COST_MISSING, PREDECESSOR_MISSING, Hold

from .cost_stories import (
    AVERAGE,
    FIFO,
    do,
    goods_event,
    ledger,
    moves,
    numbers,
    on_the_books,
    pool,
    post,
)


def stocked(quantity: int = 10, cost: int = 1_000, **values: Any) -> CostLedger:
    book = ledger()
    do(book, "receive", quantity=quantity, cost=cost, **values)
    return book


def parts(stamp: dict[str, Any], *names: str) -> list[int]:
    return [stamp[name] for name in names]


def test_goods_without_a_received_cost_wait_and_change_nothing() -> None:
    book = stocked(3, 300)
    event = goods_event("o", issue=[{"sku": "A", "quantity": 4, "line_ref": "1"}])
    held = post(book, event, moves("issue"))
    assert isinstance(held, Hold)
    assert held.gate == COST_MISSING
    assert "A: 4 units" in held.detail
    assert numbers(pool(book)) == (3, 300)


def test_two_lines_of_one_sku_are_one_demand() -> None:
    book = stocked(3, 300)
    lines = [{"sku": "A", "quantity": 2, "line_ref": str(n)} for n in (1, 2)]
    assert isinstance(post(book, goods_event("o", issue=lines), moves("issue")), Hold)


def test_a_later_issue_waits_behind_a_held_one_until_that_is_posted() -> None:
    book = stocked(3, 300)
    big = goods_event("o1", issue=[{"sku": "A", "quantity": 5, "line_ref": "1"}])
    small = goods_event("o2", issue=[{"sku": "A", "quantity": 1, "line_ref": "1"}])
    assert isinstance(post(book, big, moves("issue")), Hold)
    held = post(book, small, moves("issue"))
    assert isinstance(held, Hold)
    assert "earlier" in held.detail
    do(book, "receive", quantity=2, cost=200)
    assert not isinstance(post(book, big, moves("issue")), Hold), "the later one must not hold it"
    do(book, "receive", quantity=1, cost=70)
    assert post(book, small, moves("issue")) != held
    assert numbers(pool(book)) == (0, 0)


def test_other_skus_and_areas_do_not_wait() -> None:
    book = stocked(3, 300)
    do(book, "receive", quantity=1, cost=50, area="EU")
    big = goods_event("o1", issue=[{"sku": "A", "quantity": 5, "line_ref": "1"}])
    assert isinstance(post(book, big, moves("issue")), Hold)
    assert do(book, "issue", order_id="o2", quantity=1, line_ref="1", area="EU")["cost"] == 50


def test_an_event_held_by_another_gate_holds_up_its_sku_too() -> None:
    book = stocked(3, 300)
    event = goods_event("o1", issue=[{"sku": "A", "quantity": 1, "line_ref": "1"}])
    book.note_hold(event, moves("issue"))
    later = goods_event("o2", issue=[{"sku": "A", "quantity": 1, "line_ref": "1"}])
    assert isinstance(post(book, later, moves("issue")), Hold)
    book.forget_hold(event)
    assert not isinstance(post(book, later, moves("issue")), Hold)


def test_an_exchange_that_waits_for_its_shipment_does_not_hold_that_shipment_up() -> None:
    book = stocked(3, 300)
    exchange = goods_event(
        "o1",
        return_in_and_dispose=[
            {"sku": "A", "quantity": 1, "line_ref": "1", "disposition": "RESTOCK"}
        ],
        issue=[{"sku": "A", "quantity": 1, "line_ref": "1x"}],
    )
    both = moves("return_in_and_dispose", "issue")
    held = post(book, exchange, both)
    assert isinstance(held, Hold)
    assert held.gate == PREDECESSOR_MISSING
    do(book, "issue", order_id="o1", quantity=1, line_ref="1")
    assert not isinstance(post(book, exchange, both), Hold)
    assert numbers(pool(book)) == (2, 200)


def test_what_a_failed_event_did_is_dropped() -> None:
    book = stocked(3, 300)
    event = goods_event("o", issue=[{"sku": "A", "quantity": 1, "line_ref": "1"}])
    assert book.gate(event, moves("issue")) is None
    book.stamp(event, moves("issue"))
    book.drop()
    assert numbers(pool(book)) == (3, 300)
    assert not book.state.lines


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"quantity": 0}, "issue[0].quantity"),
        ({"quantity": -1}, "issue[0].quantity"),
        ({"quantity": "1"}, "issue[0].quantity"),
        ({"quantity": 10**12 + 1}, "issue[0].quantity"),
        ({"quantity": 1, "sku": ""}, "issue[0].sku"),
        ({"quantity": 1, "area": 5}, "issue[0].area"),
        ({"quantity": 1, "line_ref": ""}, "issue[0].line_ref"),
    ],
)
def test_a_record_nothing_can_be_made_of_is_refused_by_the_name_of_its_field(
    values: dict[str, Any], field: str
) -> None:
    record = {"sku": "A", "line_ref": "1", **values}
    event = goods_event("o", issue=[record])
    assert needs(event, moves("issue")).orders, "locking must not fail on it"
    with pytest.raises(FinanceFactInvalid) as refused:
        stocked().gate(event, moves("issue"))
    assert refused.value.fact == field


def test_needs_name_every_row_an_event_touches() -> None:
    event = goods_event(
        "o",
        receive=[{"sku": "A", "quantity": 1, "cost": 1, "receipt_ref": "R", "area": "W"}],
        dispose=[{"sku": "B", "quantity": 1, "line_ref": "1", "disposition": "REFURBISH"}],
    )
    found = needs(event, moves("receive", "dispose")) | needs(goods_event("p"), [])
    assert found.pools == {PoolKey("t", "US01", "W", "A")}
    assert {key.stage for key in found.asides} == {"RETURNED", "REFURB"}
    assert [key.receipt_ref for key in found.receipts] == ["R"]
    assert found.orders == {("t", "o"), ("t", "p")}
    assert len(found.events) == 2


# --- returns


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
    book = stocked()
    line = {"order_id": "o", "line_ref": "1", "quantity": 2}
    assert do(book, "ship_out", **line)["cost"] == 200
    early = goods_event("o", return_in=[{"sku": "A", "quantity": 1, "line_ref": "1"}])
    assert isinstance(post(book, early, moves("return_in")), Hold)
    assert do(book, "deliver", **line)["cost"] == 200
    assert not isinstance(post(book, early, moves("return_in")), Hold)


# --- vendor, counts, transfers


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


# --- invoices, landed cost, values


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
    book = ledger(CostPolicy(write_back=write_back))
    do(book, "receive", quantity=10, cost=1_000)
    first = do(book, "write_down", nrv=40)
    assert parts(first, "write_down", "write_back", "released") == [600, 0, 0]
    do(book, "issue", order_id="o", quantity=5, line_ref="1")
    second = do(book, "write_down", nrv=100)
    assert parts(second, "write_down", "write_back", "released") == [0, back, 300]
    assert pool(book).value == 500, "cost is not touched by an allowance"


# --- methods


def test_goods_on_hand_keep_the_method_they_came_under() -> None:
    book = stocked(2, 300)
    book.state.policy = FIFO
    do(book, "receive", quantity=1, cost=900)
    assert pool(book).method is CostMethod.MOVING_AVERAGE
    do(book, "issue", order_id="o", quantity=3, line_ref="1")
    assert pool(book).method is CostMethod.FIFO


def test_the_method_of_an_area_goes_before_that_of_its_entity() -> None:
    policy = CostPolicy({"US01": CostMethod.FIFO, "US01/W": CostMethod.MOVING_AVERAGE})
    assert policy.method("US01", "W") is CostMethod.MOVING_AVERAGE
    assert policy.method("US01", "X") is CostMethod.FIFO
    assert policy.method("US02", "W") is CostMethod.MOVING_AVERAGE


# --- undo


def undo(book: CostLedger, kind: str, order_id: str = "", **values: Any) -> None:
    """Does a move and takes it back."""
    event = goods_event(order_id, **{kind: [{"sku": "A", **values}]})
    stamped = post(book, event, moves(kind))
    assert not isinstance(stamped, Hold), stamped
    book.undo(event, moves(kind), stamped)
    book.keep()


STEPS: list[tuple[str, dict[str, Any]]] = [
    ("receive", {"quantity": 4, "cost": 90, "receipt_ref": "R9"}),
    ("receive", {"quantity": 4, "cost": 90}),
    ("issue", {"quantity": 3, "line_ref": "2"}),
    ("interco", {"quantity": 3, "line_ref": "2"}),
    ("ship_out", {"quantity": 3, "line_ref": "2"}),
    ("deliver", {"quantity": 1, "line_ref": "D"}),
    ("adjust", {"delta": 3}),
    ("adjust", {"delta": -3}),
    ("transfer_out", {"quantity": 2, "transfer_ref": "T2"}),
    ("transfer_in", {"quantity": 1, "transfer_ref": "T1"}),
    ("transfer_lost", {"transfer_ref": "T1"}),
    ("return_in", {"quantity": 1, "line_ref": "1"}),
    ("dispose", {"quantity": 1, "line_ref": "Q", "disposition": "RESTOCK"}),
    ("dispose", {"quantity": 1, "line_ref": "Q", "disposition": "SCRAP"}),
    ("dispose", {"quantity": 1, "line_ref": "Q", "disposition": "VENDOR"}),
    ("dispose", {"quantity": 1, "line_ref": "Q", "disposition": "REFURBISH", "recoverable": 7}),
    ("dispose", {"quantity": 1, "line_ref": "Q", "disposition": "QUARANTINE"}),
    ("return_in_and_dispose", {"quantity": 1, "line_ref": "1", "disposition": "RESTOCK"}),
    ("return_in_and_dispose", {"quantity": 1, "line_ref": "Q", "disposition": "VENDOR"}),
    ("refurb_work", {"line_ref": "F", "cost": 12}),
    ("refurb_done", {"quantity": 1, "line_ref": "F", "refurb_sku": "A2"}),
    ("vendor_pick", {"quantity": 1, "rtv_ref": "V2"}),
    ("vendor_ship", {"quantity": 1, "rtv_ref": "V1", "credit": 5}),
    ("invoice", {"quantity": 10, "cost": 1_500, "receipt_ref": "R1"}),
    ("credit_note", {"cost": 100, "receipt_ref": "R1"}),
    ("landed_estimate", {"cost": 100, "receipt_ref": "R1"}),
    ("landed_invoice", {"cost": 70, "receipt_ref": "R1"}),
]


def busy(policy: CostPolicy) -> CostLedger:
    """A ledger with goods in every stage."""
    book = ledger(policy)
    do(book, "receive", quantity=30, cost=3_001, receipt_ref="R1")
    do(book, "transfer_out", quantity=3, transfer_ref="T1")
    do(book, "ship_out", order_id="o", quantity=2, line_ref="D")
    for line in ("1", "Q", "F"):
        do(book, "issue", order_id="o", quantity=3, line_ref=line)
    do(book, "return_in", order_id="o", quantity=2, line_ref="Q")
    do(book, "return_in_and_dispose", order_id="o", quantity=2, line_ref="F",
       disposition="REFURBISH", recoverable=50)  # fmt: skip
    do(book, "vendor_pick", quantity=2, rtv_ref="V1")
    do(book, "landed_estimate", cost=40, receipt_ref="R1")
    return book


def figures(book: CostLedger) -> tuple[object, ...]:
    """Everything that has a quantity or a value."""
    pools = {k: numbers(x) for k, x in book.state.pools.items() if x.quantity}
    asides = {k: x for k, x in book.state.asides.items() if x.quantity}
    return pools, asides, dict(book.state.receipts), {
        k: x for k, x in book.state.lines.items() if x.quantity
    }  # fmt: skip


@pytest.mark.parametrize("policy", [AVERAGE, FIFO], ids=["average", "fifo"])
@pytest.mark.parametrize(
    ("kind", "values"), STEPS, ids=[f"{n}-{k}" for n, (k, _) in enumerate(STEPS)]
)
def test_every_move_undone_leaves_the_figures_as_they_were(
    kind: str, values: dict[str, Any], policy: CostPolicy
) -> None:
    book = busy(policy)
    before = figures(book)
    undo(book, kind, "o", **values)
    after = figures(book)
    if kind == "receive":
        after = (after[0], after[1], {k: x for k, x in after[2].items() if x.lines}, after[3])  # type: ignore[attr-defined]
    assert after == before


@pytest.mark.parametrize(
    ("kind", "values", "then", "gone"),
    [
        ("receive", {"quantity": 4, "cost": 90}, "issue", {"quantity": 3, "line_ref": "9"}),
        ("transfer_in", {"quantity": 1, "transfer_ref": "T1", "area": "S"}, "issue",
         {"quantity": 1, "line_ref": "9", "area": "S"}),
        ("issue", {"quantity": 3, "line_ref": "9"}, "return_in", {"quantity": 1, "line_ref": "9"}),
        ("return_in", {"quantity": 1, "line_ref": "1"}, "dispose",
         {"quantity": 1, "line_ref": "1", "disposition": "SCRAP"}),
        ("transfer_out", {"quantity": 1, "transfer_ref": "T9"}, "transfer_lost",
         {"transfer_ref": "T9"}),
        ("refurb_work", {"line_ref": "F", "cost": 12}, "refurb_done",
         {"quantity": 2, "line_ref": "F", "refurb_sku": "A2"}),
    ],
)  # fmt: skip
def test_what_has_moved_on_cannot_be_undone(
    kind: str, values: dict[str, Any], then: str, gone: dict[str, Any]
) -> None:
    book = busy(AVERAGE)
    if kind == "receive":
        do(book, "issue", order_id="o", quantity=14, line_ref="8")
    event = goods_event("o", **{kind: [{"sku": "A", **values}]})
    stamped = post(book, event, moves(kind))
    assert not isinstance(stamped, Hold)
    do(book, then, order_id="o", **gone)
    before = figures(book)
    with pytest.raises(ReversalRefused):
        book.undo(event, moves(kind), stamped)
    book.drop()
    assert figures(book) == before


def test_an_estimate_is_never_undone_singly() -> None:
    book = stocked()
    event = goods_event(write_down=[{"sku": "A", "nrv": 1}])
    stamped = post(book, event, moves("write_down"))
    assert not isinstance(stamped, Hold)
    with pytest.raises(ReversalRefused, match="next run"):
        book.undo(event, moves("write_down"), stamped)


def test_a_move_without_a_stamp_is_undone_from_its_facts() -> None:
    book = ledger()
    event = goods_event(receipts=[{"sku": "A", "quantity": 2, "cost": 10, "receipt_ref": "R"}])
    plain = [CostMove("receive", "receipts")]
    assert post(book, event, plain) == {}
    book.undo(event, plain, {})
    assert numbers(pool(book)) == (0, 0)
