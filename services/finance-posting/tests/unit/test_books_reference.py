"""The books against a second model that knows no rules.

Goal: every role is what the events alone say, whatever orders, payments and returns there are and
in whatever order they come. Method: the story, and random orders by hypothesis; the model is
`reference_books.py`. Left out: currencies and periods, which have their own tests.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_finance_posting.domain.finance_event import FinanceEvent

from . import reference_books
from .delivery import Ledger
from .life_cycle import Story, life_cycle, received, shipped


def expected(ledger: Ledger, events: list[FinanceEvent]) -> dict[str, int]:
    """The model's balances, with cost as it was stamped."""
    prior = ledger.book.prior
    return reference_books.balances((e, prior[e.tenant, e.key].facts) for e in events)


def test_the_story_closes_as_the_model_says() -> None:
    ledger, events = Ledger.empty(shipped()), life_cycle()
    ledger.deliver(events)
    assert ledger.balances() == expected(ledger, events)


amounts = st.integers(min_value=0, max_value=20_000)


@st.composite
def orders(draw: st.DrawFn) -> list[FinanceEvent]:
    """Some orders with everything that can happen to them, and goods enough for all."""
    story = Story()
    story.tell("po.received", receipts=[received("A", 200, draw(amounts), "", "R1")])
    for number in range(draw(st.integers(min_value=1, max_value=4))):
        one_order(story, f"O{number}", draw)
    return story.events


def one_order(story: Story, order: str, draw: st.DrawFn) -> None:
    prices = draw(st.tuples(amounts, amounts, amounts, amounts, amounts))
    money = dict(zip(("list", "discount", "funded", "ship", "tax"), prices, strict=True))
    money["list"] += money["discount"] + money["funded"]
    quantity = draw(st.integers(min_value=1, max_value=5))
    story.ship(order, "1", ("A", quantity, ""), **money)
    due = money["list"] - money["discount"] - money["funded"] + money["ship"] + money["tax"]
    parts = draw(st.lists(st.integers(min_value=1, max_value=due + 500), max_size=3))
    for part in parts:
        kind = draw(st.sampled_from(["payment.captured", "giftcard.redeemed"]))
        story.tell(kind, order, amount=part)
    returns = draw(st.integers(min_value=0, max_value=quantity))
    owed = sum(give_back(story, order, returned, draw) for returned in range(returns))
    if owed > sum(parts):
        # More than was paid is never given back: the refunds wait until this comes.
        story.tell("payment.captured", order, amount=owed - sum(parts))


def give_back(story: Story, order: str, number: int, draw: st.DrawFn) -> int:
    """A return; what the customer gets for it."""
    net, tax, fee = draw(amounts), draw(amounts), draw(st.integers(min_value=0, max_value=50))
    line: dict[str, Any] = {"line_ref": "1", "sku": "A"}
    disposition = draw(st.sampled_from(["RESTOCK", "SCRAP", "QUARANTINE"]))
    goods = [{**line, "quantity": 1, "disposition": disposition}]
    with_goods = draw(st.booleans())
    lines = [{**line, "net": net + fee, "tax": tax, "clawback": draw(amounts)}]
    story.tell("refund.approved", order, lines=lines, goods=goods if with_goods else [], fee=fee)
    via = draw(st.sampled_from(["provider", "cash", "gift_card", "store_credit"]))
    story.tell("refund.settled", order, amount=net + tax, via=via)
    if number == 0:
        story.tell("chargeback.opened", order, amount=net, fee=fee)
        cause = draw(st.sampled_from(["fraud", "not_received"]))
        story.tell("chargeback.lost", order, amount=net, cause=cause)
    return net + tax


@settings(max_examples=60, deadline=None)
@given(events=orders(), data=st.data())
def test_random_orders_in_any_order_close_as_the_model_says(
    events: list[FinanceEvent], data: st.DataObject
) -> None:
    ledger = Ledger.empty(shipped())
    shuffled = data.draw(st.permutations(events))
    again = data.draw(st.lists(st.sampled_from(events), max_size=5))
    assert ledger.refused([*shuffled, *again]) == []
    assert ledger.waiting == {}
    assert ledger.balances() == expected(ledger, events)


@settings(max_examples=30, deadline=None)
@given(events=orders())
def test_a_refund_without_goods_leaves_cost_alone_and_goods_without_refund_revenue(
    events: list[FinanceEvent],
) -> None:
    ledger = Ledger.empty(shipped())
    ledger.deliver(events)
    for journal in ledger.journals:
        roles = {line.role for line in journal.lines}
        if journal.event.type == "refund.approved" and not journal.event.facts["goods"]:
            assert not roles & {"COGS", "INVENTORY", "INV_RETURNS_HOLD", "RETURN_LOSS"}
        if journal.event.type.startswith("return."):
            assert not {role for role in roles if role.startswith("REV_")}
