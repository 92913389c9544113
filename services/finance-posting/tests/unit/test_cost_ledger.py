"""What an event of goods waits for, what waits for it, what it may not say."""

from __future__ import annotations

from typing import Any

import pytest
from tandem_finance_posting.adapters.rules.rule_files import proved_rules
from tandem_finance_posting.domain.cost_ledger import needs
from tandem_finance_posting.domain.cost_move import KINDS, CostMove
from tandem_finance_posting.domain.cost_moves import COST_MOVES
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.cost_pool import CostMethod
from tandem_finance_posting.domain.cost_state import PoolKey
from tandem_finance_posting.domain.errors import FinanceFactInvalid, PostingRuleInvalid
from tandem_finance_posting.domain.finance_event import COST_MISSING, PREDECESSOR_MISSING, Hold
from tandem_finance_posting.domain.rule_set import Policy

from .cost_stories import (
    FIFO,
    do,
    goods_event,
    moves,
    numbers,
    pool,
    post,
    stocked,
)
from .life_cycle import document


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


def test_judging_an_event_changes_nothing() -> None:
    book = stocked(3, 300)
    event = goods_event("o", issue=[{"sku": "A", "quantity": 1, "line_ref": "1"}])
    before = [set(keys) for keys in book.changed]
    assert book.gate(event, moves("issue")) is None
    assert numbers(pool(book)) == (3, 300)
    assert not book.state.lines
    assert list(book.changed) == before


def test_a_return_of_too_much_does_not_hold_up_one_of_what_is_there() -> None:
    book = stocked(3, 300)
    do(book, "issue", order_id="o", quantity=2, line_ref="1")
    many, one = (
        goods_event("o", return_in=[{"sku": "A", "quantity": n, "line_ref": "1"}]) for n in (3, 1)
    )
    assert isinstance(post(book, many, moves("return_in")), Hold)
    assert not isinstance(post(book, one, moves("return_in")), Hold)


def test_a_return_waits_behind_a_held_shipment_of_its_line_only() -> None:
    book = stocked(3, 300)
    do(book, "issue", order_id="o", quantity=1, line_ref="1")
    do(book, "issue", order_id="o", quantity=1, line_ref="2")
    more = goods_event("o", issue=[{"sku": "A", "quantity": 5, "line_ref": "1"}])
    assert isinstance(post(book, more, moves("issue")), Hold)
    returns = [
        goods_event("o", return_in=[{"sku": "A", "quantity": 1, "line_ref": line}])
        for line in ("1", "2")
    ]
    first, second = (post(book, event, moves("return_in")) for event in returns)
    assert isinstance(first, Hold)
    assert first.gate == PREDECESSOR_MISSING
    assert not isinstance(second, Hold)


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


def test_every_kind_a_rule_set_may_declare_is_known_and_no_other() -> None:
    assert set(KINDS) == set(COST_MOVES)
    with pytest.raises(PostingRuleInvalid, match="explode"):
        CostMove("explode", "lines", "costs")


def test_a_move_that_could_not_be_taken_back_is_refused_at_load() -> None:
    with pytest.raises(PostingRuleInvalid, match="stamps no list"):
        CostMove("issue", "lines")
    assert CostMove("receive", "receipts").stamped_as == ""


def test_an_unknown_move_is_refused_when_a_rule_set_is_proposed() -> None:
    whole = document()
    whole["events"]["transfer.shipped"]["cost"][0]["move"] = "teleport"
    with pytest.raises(PostingRuleInvalid, match="teleport"):
        proved_rules(whole)


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


def test_goods_on_hand_keep_the_method_they_came_under() -> None:
    book = stocked(2, 300)
    book.state.policy = FIFO
    do(book, "receive", quantity=1, cost=900)
    assert pool(book).method is CostMethod.MOVING_AVERAGE
    do(book, "issue", order_id="o", quantity=3, line_ref="1")
    assert pool(book).method is CostMethod.FIFO


def test_the_method_of_an_area_goes_before_that_of_its_entity() -> None:
    of = {"US01": "fifo", "US01/W": "moving_average"}
    policy = CostPolicy({"t": {"cost_method": Policy("cost_method", (), "moving_average", of)}})
    assert policy.method("t", "US01", "W") is CostMethod.MOVING_AVERAGE
    assert policy.method("t", "US01", "X") is CostMethod.FIFO
    assert policy.method("t", "US02", "W") is CostMethod.MOVING_AVERAGE
