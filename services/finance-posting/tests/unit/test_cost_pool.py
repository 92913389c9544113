"""Moving average as quantity and value: nothing appears, nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.domain.cost_pool import CostPool, IssuedCost

quantities = st.integers(min_value=1, max_value=1_000)
costs = st.integers(min_value=0, max_value=10**9)


@given(receipts=st.lists(st.tuples(quantities, costs), min_size=1), data=st.data())
def test_value_received_is_value_issued_plus_value_left(
    receipts: list[tuple[int, int]], data: st.DataObject
) -> None:
    pool, issued = CostPool(), 0
    for quantity, cost in receipts:
        pool = pool.receive(quantity, cost)
        out = data.draw(st.integers(min_value=0, max_value=pool.quantity))
        if out:
            pool, cost_out = pool.issue(out)
            issued += cost_out
    assert issued + pool.value == sum(cost for _, cost in receipts)
    assert pool.value >= 0


@given(quantity=quantities, cost=costs)
def test_an_empty_pool_is_worth_nothing(quantity: int, cost: int) -> None:
    pool, issued = CostPool().receive(quantity, cost).issue(quantity)
    assert (pool, issued) == (CostPool(), cost)


def test_more_than_is_held_cannot_be_issued() -> None:
    with pytest.raises(ValueError, match="3 units of 2"):
        CostPool(2, 100).issue(3)


@given(quantity=st.integers(min_value=1, max_value=60), cost=costs, data=st.data())
def test_partial_returns_add_up_to_what_was_issued(
    quantity: int, cost: int, data: st.DataObject
) -> None:
    issued, back, left = IssuedCost().issued(quantity, cost), 0, quantity
    while left:
        part = data.draw(st.integers(min_value=1, max_value=left))
        issued, cost_back = issued.come_back(part)
        back, left = back + cost_back, left - part
    assert back == cost


def test_more_than_left_cannot_come_back() -> None:
    with pytest.raises(ValueError, match="2 units of 1"):
        IssuedCost(3, 90, 2, 60).come_back(2)
