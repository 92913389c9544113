"""Moves taken back leave the figures as they were, or are refused when the goods have moved on."""

from __future__ import annotations

from typing import Any

import pytest
from tandem_finance_posting.domain.cost_ledger import CostLedger, CostMove
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.errors import ReversalRefused
from tandem_finance_posting.domain.finance_event import Hold

from .cost_stories import (
    AVERAGE,
    FIFO,
    do,
    goods_event,
    ledger,
    moves,
    numbers,
    pool,
    post,
    stocked,
)


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
    ("ship", {"quantity": 3, "line_ref": "2"}),
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
    do(book, "ship", order_id="o", quantity=2, line_ref="D")
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
