"""The cost sub-ledger against a second, independent model of stock valuation.

Goal: every cost the ledger stamps is predicted, nothing appears and nothing is lost. Method: random
streams of moves run through the ledger and through a model that shares no code with it: plain lists
of lots, exact fractions, rounded once where a cost leaves. Left out: holds, which have their own
tests (moves that would wait are not generated).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_finance_posting.domain.cost_ledger import CostLedger
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.cost_pool import LAYERS_MAX

from .cost_stories import AVERAGE, FIFO, consistent, do, ledger, on_the_books, pool

AREAS = ("", "W")


def rounded(exact: Fraction) -> int:
    """Half away from zero."""
    return floor(exact + Fraction(1, 2)) if exact >= 0 else -floor(-exact + Fraction(1, 2))


@dataclass
class Lots:
    """Stock as lots [receipt, quantity, value]; with the average, all lots share one value."""

    fifo: bool
    lots: list[list[Any]] = field(default_factory=list)
    shared: int = 0

    @property
    def quantity(self) -> int:
        return sum(lot[1] for lot in self.lots)

    @property
    def value(self) -> int:
        return sum(lot[2] for lot in self.lots) if self.fifo else self.shared

    def put(self, quantity: int, value: int, receipt: str = "") -> None:
        self.lots.append([receipt, quantity, value if self.fifo else 0])
        self.shared += 0 if self.fifo else value

    def take(self, quantity: int) -> int:
        total = rounded(Fraction(self.value * quantity, self.quantity))
        self.shared -= 0 if self.fifo else total
        from_lots = 0
        while quantity:
            lot = self.lots[0]
            part = min(quantity, lot[1])
            worth = rounded(Fraction(lot[2] * part, lot[1]))
            lot[1], lot[2], from_lots = lot[1] - part, lot[2] - worth, from_lots + worth
            quantity -= part
            if not lot[1]:
                self.lots.pop(0)
        return from_lots if self.fifo else total

    def left(self, receipt: str) -> int:
        return sum(lot[1] for lot in self.lots if lot[0] == receipt)


@dataclass
class Reference:
    """What the model knows besides its lots."""

    fifo: bool
    stock: dict[str, Lots] = field(default_factory=dict)
    way: list[int] = field(default_factory=lambda: [0, 0])
    receipts: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def at(self, area: str) -> Lots:
        return self.stock.setdefault(area, Lots(self.fifo))


@dataclass
class Duel:
    """Ledger and model through the same stream."""

    policy: CostPolicy
    book: CostLedger = field(init=False)
    model: Reference = field(init=False)
    brought: int = 0
    gone: int = 0

    def __post_init__(self) -> None:
        self.book, self.model = ledger(self.policy), Reference(self.policy is FIFO)

    def receive(self, area: str, quantity: int, amount: int) -> None:
        ref = f"R{len(self.model.receipts)}"
        do(self.book, "receive", quantity=quantity, cost=amount, area=area, receipt_ref=ref)
        self.model.at(area).put(quantity, amount, ref)
        self.model.receipts[ref] = (area, quantity, amount)
        self.brought += amount

    def issue(self, area: str, quantity: int, _: int) -> None:
        if self.model.at(area).quantity >= quantity:
            expected = self.model.at(area).take(quantity)
            line = {"order_id": "o", "line_ref": "1", "area": area}
            assert do(self.book, "issue", quantity=quantity, **line)["cost"] == expected
            self.gone += expected

    def out(self, area: str, quantity: int, _: int) -> None:
        if self.model.at(area).quantity >= quantity:
            expected = self.model.at(area).take(quantity)
            sent = do(self.book, "transfer_out", quantity=quantity, area=area, transfer_ref="T")
            assert sent["cost"] == expected
            self.model.way = [self.model.way[0] + quantity, self.model.way[1] + expected]

    def arrive(self, area: str, quantity: int, _: int) -> None:
        if self.model.way[0] >= quantity:
            self.model.at(area).put(quantity, self._off_the_way("transfer_in", area, quantity))

    def lose(self, area: str, quantity: int, _: int) -> None:
        if self.model.way[0] >= quantity:
            self.gone += self._off_the_way("transfer_lost", area, quantity)

    def _off_the_way(self, kind: str, area: str, quantity: int) -> int:
        units, cost = self.model.way
        expected = rounded(Fraction(cost * quantity, units))
        stamp = do(self.book, kind, quantity=quantity, area=area, transfer_ref="T")
        assert stamp["cost"] == expected
        self.model.way = [units - quantity, cost - expected]
        return expected

    def find(self, area: str, quantity: int, _: int) -> None:
        lots = self.model.at(area)
        if lots.quantity:
            expected = rounded(Fraction(lots.value * quantity, lots.quantity))
            assert do(self.book, "adjust", delta=quantity, area=area)["value"] == expected
            lots.put(quantity, expected)
            self.brought += expected

    def miss(self, area: str, quantity: int, _: int) -> None:
        if self.model.at(area).quantity >= quantity:
            expected = self.model.at(area).take(quantity)
            assert do(self.book, "adjust", delta=-quantity, area=area)["value"] == -expected
            self.gone += expected

    def invoice(self, _: str, quantity: int, amount: int) -> None:
        open_refs = [ref for ref, x in self.model.receipts.items() if x[1]]
        if not open_refs:
            return
        ref = open_refs[quantity % len(open_refs)]
        area, received, cost = self.model.receipts[ref]
        stamp = do(self.book, "invoice", quantity=received, cost=amount, receipt_ref=ref)
        change = to_stock(self.model.at(area), ref, received, amount - cost)
        assert (stamp["expected"], stamp["to_stock"]) == (cost, change)
        self.model.receipts[ref] = (area, 0, 0)
        self.brought += change

    def revalue(self, area: str, _: int, amount: int) -> None:
        lots, by = self.model.at(area), amount % 21 - 10
        if lots.quantity:
            change = max(-lots.value, lots.quantity * by)
            assert do(self.book, "revalue", change=by, area=area)["value"] == change
            lots_follow(lots, pool(self.book, area=area).layers, change)
            self.brought += change

    def check(self) -> None:
        for area in AREAS:
            found, lots = pool(self.book, area=area), self.model.at(area)
            assert (found.quantity, found.value) == (lots.quantity, lots.value)
        assert consistent(self.book.state.pools.values())
        assert on_the_books(self.book) == self.brought - self.gone


KINDS = ["receive", "issue", "out", "arrive", "lose", "find", "miss", "invoice", "revalue"]
step = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(AREAS),
    st.integers(min_value=1, max_value=40),
    st.integers(min_value=0, max_value=9_999),
)


@pytest.mark.parametrize("policy", [AVERAGE, FIFO], ids=["average", "fifo"])
@settings(max_examples=80, deadline=None)
@given(steps=st.lists(step, min_size=1, max_size=40))
def test_every_cost_is_predicted_and_nothing_appears_or_is_lost(
    policy: CostPolicy, steps: list[tuple[str, str, int, int]]
) -> None:
    duel = Duel(policy)
    for kind, area, quantity, amount in steps:
        getattr(duel, kind)(area, quantity, amount)
        duel.check()


def to_stock(lots: Lots, ref: str, received: int, difference: int) -> int:
    """The share of what is left of the receipt, put on it."""
    left = lots.left(ref)
    floor_ = -sum(x[2] for x in lots.lots if x[0] == ref) if lots.fifo else -lots.value
    change = max(rounded(Fraction(difference * left, received)), floor_)
    if lots.fifo and change:
        (lot,) = (x for x in lots.lots if x[0] == ref)
        lot[2] += change
    else:
        lots.shared += change
    return change


def lots_follow(lots: Lots, layers: Any, change: int) -> None:
    """A revaluation is spread over lots by their quantity (up) or value (down): each within one
    cent of its exact share, together exactly the change."""
    if not lots.fifo:
        lots.shared += change
        return
    merged: list[list[Any]] = []
    for lot in lots.lots:
        merged.append(list(lot))
    before, total = lots.value, lots.quantity
    at = 0
    for layer in layers:
        group: list[list[Any]] = []
        while sum(x[1] for x in group) < layer.quantity:
            group.append(merged[at])
            at += 1
        worth = sum(x[2] for x in group)
        weight = Fraction(layer.quantity, total) if change > 0 else Fraction(worth, before or 1)
        assert abs(layer.value - worth - change * weight) < 1
    lots.lots = [[x.receipt_ref, x.quantity, x.value] for x in layers]
    assert lots.value == before + change


@given(
    shipped=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 9_999)), min_size=1, max_size=5),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_partial_returns_add_up_to_what_left_whatever_their_sizes(
    shipped: list[tuple[int, int]], data: st.DataObject
) -> None:
    book = ledger()
    for quantity, cost in shipped:
        do(book, "receive", quantity=quantity, cost=cost)
        do(book, "issue", order_id="o", quantity=quantity, line_ref="1")
    out, back = sum(q for q, _ in shipped), 0
    total = Fraction(sum(c for _, c in shipped), out)
    while out:
        part = data.draw(st.integers(min_value=1, max_value=out))
        cost = do(book, "return_in", order_id="o", quantity=part, line_ref="1")["cost"]
        assert abs(cost - part * total) <= 1, "no return takes the cents of another"
        out, back = out - part, back + cost
    assert back == sum(cost for _, cost in shipped)


def test_a_pool_of_very_many_receipts_stays_small_and_keeps_its_value() -> None:
    book = ledger(FIFO)
    for n in range(LAYERS_MAX + 40):
        do(book, "receive", quantity=1, cost=n * n, receipt_ref=f"R{n}")
    assert len(pool(book).layers) == LAYERS_MAX
    assert consistent(book.state.pools.values())
    assert pool(book).value == sum(n * n for n in range(LAYERS_MAX + 40))
