"""Events come in any order and more than once; the books end the same.

Goal: money needs no order, goods keep theirs, and nothing waits for ever. Method: the story of
`life_cycle.py` is delivered many times, shuffled by a generator with a fixed seed, forty of its
events delivered again at another place. Left out: races of batches, which are tested on Postgres.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tandem_finance_posting.domain.errors import FinanceEventConflict
from tandem_finance_posting.domain.finance_event import FinanceEvent

from .delivery import Ledger
from .life_cycle import life_cycle, shipped
from .test_life_cycle import CLOSING, stock_differences

SHUFFLES = 300
AGAIN = 40
BATCH = 25


def moves_goods(event: FinanceEvent) -> bool:
    return bool(shipped().event_type(event.type).cost)


def money_anywhere(events: Sequence[FinanceEvent], dice: random.Random) -> list[FinanceEvent]:
    """Events of goods in their order, those of money anywhere among them."""
    shuffled = list(events)
    dice.shuffle(shuffled)
    goods = iter([event for event in events if moves_goods(event)])
    return [next(goods) if moves_goods(event) else event for event in shuffled]


def with_repeats(events: list[FinanceEvent], dice: random.Random) -> list[FinanceEvent]:
    """Money again anywhere, goods again later: earlier would be another order of goods."""
    repeated = list(events)
    for event in dice.sample(events, AGAIN):
        first = repeated.index(event) + 1 if moves_goods(event) else 0
        repeated.insert(dice.randint(first, len(repeated)), event)
    return repeated


def deliver(events: Sequence[FinanceEvent]) -> Ledger:
    ledger = Ledger.empty(shipped())
    for start in range(0, len(events), BATCH):
        assert ledger.refused(events[start : start + BATCH]) == []
    return ledger


@pytest.mark.parametrize("seed", range(0, SHUFFLES, 50))
def test_money_in_any_order_with_repeats_ends_in_the_same_balances(seed: int) -> None:
    events = life_cycle()
    for number in range(seed, seed + 50):
        dice = random.Random(number)
        ledger = deliver(with_repeats(money_anywhere(events, dice), dice))
        assert ledger.waiting == {}
        assert ledger.balances() == CLOSING, number


COST_DEPENDS_ON_ORDER = {
    "INVENTORY", "COGS", "PRICE_VARIANCE", "SHRINK", "RETURN_LOSS", "INV_REVAL", "TRANSFER_LOSS",
}  # fmt: skip


def test_goods_in_any_order_wait_for_what_they_need_and_nothing_waits_for_ever() -> None:
    """The cost of what left before its invoice came depends on the order; the sum does not."""
    events = life_cycle()
    closing = {role: x for role, x in CLOSING.items() if role not in COST_DEPENDS_ON_ORDER}
    for number in range(40):
        dice = random.Random(number)
        shuffled = with_repeats(dice.sample(events, len(events)), dice)
        ledger = deliver(shuffled)
        waiting = [(x.event.type, ledger.book.post(x.event)) for x in ledger.waiting.values()]
        assert waiting == [], number
        found = ledger.balances()
        assert {r: x for r, x in found.items() if r not in COST_DEPENDS_ON_ORDER} == closing, number
        assert stock_differences(ledger) == {}, number


def test_the_same_key_with_other_facts_is_refused_wherever_it_comes() -> None:
    events = life_cycle()
    ledger = deliver(events)
    for event in events[::7]:
        changed = replace(event, facts={**event.facts, "channel": "other"})
        assert [type(x) for x in ledger.refused([changed])] == [FinanceEventConflict]
    assert ledger.balances() == CLOSING
