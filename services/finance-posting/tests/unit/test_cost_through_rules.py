"""Cost and rules together under other choices: FIFO, control at delivery, foreign purchases,
corrections. What the sub-ledger has is what the books have, always."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tandem_finance_posting.adapters.rules.rule_files import proved_rules
from tandem_finance_posting.domain.cost_ledger import CostLedger
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.cost_state import CostState
from tandem_finance_posting.domain.currency_rates import NANO, RateTable
from tandem_finance_posting.domain.entity_currency import EntityCurrency
from tandem_finance_posting.domain.errors import ReversalRefused
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_set import RuleSet

from .delivery import Ledger
from .life_cycle import DAY, Story, document, life_cycle, new_book, received, shipped
from .test_life_cycle import stock_differences


def with_policies(**policies: str) -> RuleSet:
    whole = document()
    for name, value in policies.items():
        whole["policies"][name]["entities"] = {"US01": value, "US02": value}
    return proved_rules(whole)


def post(rules: RuleSet, events: Iterable[FinanceEvent]) -> Ledger:
    ledger = Ledger(new_book(rules))
    for event in events:
        assert ledger.refused([event]) == [], event.type
        assert stock_differences(ledger) == {}, event.type
    return ledger


def test_the_story_under_fifo_keeps_books_and_sub_ledger_together() -> None:
    ledger = post(with_policies(cost_method="fifo"), life_cycle())
    assert ledger.waiting == {}
    assert [r for r in ledger.balances() if shipped().roles[r].clears] == []


def test_with_control_at_delivery_goods_are_ours_until_they_arrive() -> None:
    story = Story()
    story.tell("po.received", receipts=[received("A", 10, 1_000, "", "R1")])
    story.tell("payment.captured", "O1", amount=900)
    story.ship("O1", "1", ("A", 2, ""), list=900)
    line = {"line_ref": "1", "sku": "A", "quantity": 2, "list": 900}
    story.tell("delivery.confirmed", "O1", lines=[line])
    rules = with_policies(control_point="deliver")
    on_the_way = post(rules, story.events[:3]).balances()
    assert on_the_way["INV_TO_CUSTOMER"] == 200
    assert "COGS" not in on_the_way
    delivered = post(rules, story.events).balances()
    assert delivered["COGS"] == 200
    assert "INV_TO_CUSTOMER" not in delivered
    assert "AR_ORDER" not in delivered


def test_a_write_down_is_an_allowance_and_leaves_cost_alone() -> None:
    story = Story()
    story.tell("po.received", receipts=[received("A", 10, 1_000, "", "R1")])
    story.tell("inventory.written_down", lines=[{"sku": "A", "nrv": 40}])
    story.ship("O1", "1", ("A", 5, ""), list=900)
    story.tell("inventory.written_down", lines=[{"sku": "A", "nrv": 90}])
    found = post(with_policies(nrv_write_back="allowed"), story.events).balances()
    assert (found["INVENTORY"], found["INV_ALLOWANCE"]) == (500, -50)
    assert found["INV_REVAL"] == 600 - 250
    assert found["COGS"] == 500 - 300, "goods sold carry the cost they were written down to"


def test_vendor_returns_from_stock_and_refused_claims_clear() -> None:
    story = Story()
    story.tell("po.received", receipts=[received("A", 10, 1_000, "", "R1")])
    picked = {"sku": "A", "quantity": 3}
    story.tell("vendor_return.picked", rtv_ref="V1", lines=[picked])
    story.tell("vendor_return.shipped", rtv_ref="V1", lines=[{**picked, "credit": 330}])
    story.tell("vendor_return.credited", amount=200)
    story.tell("vendor_return.refused", amount=130)
    story.tell("vendor.credited", lines=[{"receipt_ref": "R1", "sku": "A", "cost": 100}])
    found = post(shipped(), story.events).balances()
    assert found == {
        "INVENTORY": 630, "GRNI": -1_000, "AP": 300, "RETURN_LOSS": 130, "PRICE_VARIANCE": -60,
    }  # fmt: skip


def test_an_even_exchange_is_goods_only() -> None:
    story = Story()
    story.tell("po.received", receipts=[received("A", 10, 1_000, "", "R1")])
    story.ship("O1", "1", ("A", 2, ""), list=900)
    back = {"line_ref": "1", "sku": "A", "quantity": 1, "disposition": "SCRAP"}
    sent = {"line_ref": "1x", "sku": "A", "quantity": 1}
    story.tell("exchange.even", "O1", returned=[back], sent=[sent])
    before = post(shipped(), story.events[:2]).balances()
    after = post(shipped(), story.events).balances()
    changed = {r: after.get(r, 0) - before.get(r, 0) for r in {*after, *before}}
    assert {r: x for r, x in changed.items() if x} == {"INVENTORY": -100, "RETURN_LOSS": 100}


def test_what_the_customer_keeps_is_a_loss_only_when_asked_for_and_cannot_come_back() -> None:
    story = Story()
    story.tell("po.received", receipts=[received("A", 10, 1_000, "", "R1")])
    story.ship("O1", "1", ("A", 1, ""), list=900)
    line = {"line_ref": "1", "sku": "A", "quantity": 1}
    story.tell("return.kept", "O1", lines=[line], reclass="yes")
    story.tell("return.received", "O1", lines=[line])
    ledger = post(shipped(), story.events)
    assert ledger.balances()["RETURN_LOSS"] == 100
    assert [item.event.type for item in ledger.waiting.values()] == ["return.received"]


# Corrections: a later revision takes the earlier one back and posts anew, goods included.


def test_a_corrected_shipment_moves_the_goods_it_really_moved() -> None:
    story = Story()
    story.tell("po.received", receipts=[received("A", 10, 1_000, "", "R1")])
    story.ship("O1", "1", ("A", 3, ""), list=900)
    wrong = story.events[-1]
    lines = [{**wrong.facts["lines"][0], "quantity": 2}]  # type: ignore[index,dict-item]
    right = replace(wrong, revision=2, facts={**wrong.facts, "lines": lines})
    found = post(shipped(), [*story.events, right]).balances()
    assert (found["INVENTORY"], found["COGS"]) == (800, 200)


def test_a_correction_that_comes_before_what_it_corrects_counts_alone() -> None:
    story = Story()
    story.tell("po.received", receipts=[received("A", 10, 1_000, "", "R1")])
    story.ship("O1", "1", ("A", 3, ""), list=900)
    wrong = story.events[-1]
    lines = [{**wrong.facts["lines"][0], "quantity": 2}]  # type: ignore[index,dict-item]
    right = replace(wrong, revision=2, facts={**wrong.facts, "lines": lines})
    found = post(shipped(), [story.events[0], right, wrong]).balances()
    assert (found["INVENTORY"], found["COGS"]) == (800, 200)


def test_a_receipt_whose_goods_are_sold_is_not_taken_back() -> None:
    story = Story()
    receipt = story.tell("po.received", receipts=[received("A", 3, 300, "", "R1")])
    story.ship("O1", "1", ("A", 1, ""), list=900)
    ledger = post(shipped(), story.events)
    before = ledger.balances()
    story.tell("event.voided", voids=receipt)
    assert [type(x) for x in ledger.refused(story.events[-1:])] == [ReversalRefused]
    assert ledger.balances() == before
    assert stock_differences(ledger) == {}


# Purchases in another currency: pools are kept in the entity's.


RATES = {date(2026, 3, 2): 1_100_000_000, date(2026, 3, 9): NANO * 112 // 100}


def foreign_book() -> PostingBook:
    whole = document()
    whole["entities"] = {"*": {"currency": "USD"}}
    rules = proved_rules(whole)
    catalogues = {"t": RuleCatalogue((rules,))}
    rates = {"t": RateTable({("EUR", "USD"): RATES})}
    state = CostState(CostPolicy({"t": rules.policies}), EntityCurrency(catalogues, rates))
    return PostingBook(
        catalogues=catalogues, today=date(2026, 3, 31), cost=CostLedger(state), rates=rates
    )


def functional(ledger: Ledger) -> dict[str, int]:
    total: dict[str, int] = {}
    for journal in ledger.journals:
        assert journal.functional_currency_code == "USD"
        for line in journal.lines:
            total[line.role] = total.get(line.role, 0) + line.functional * line.side.sign
    return {role: amount for role, amount in total.items() if amount}


@pytest.mark.parametrize("sold", [0, 4])
def test_goods_bought_in_euros_are_kept_in_dollars_in_books_and_sub_ledger(sold: int) -> None:
    story, ledger = Story(), Ledger(foreign_book())
    story.tell("po.received", receipts=[received("A", 10, 10_003, "", "R1")])
    if sold:
        story.ship("O1", "1", ("A", sold, ""), list=9_000)
    invoice = [{"receipt_ref": "R1", "sku": "A", "quantity": 10, "cost": 10_503}]
    story.tell("vendor.invoiced", lines=invoice)
    story.tell("inventory.adjusted", lines=[{"sku": "A", "delta": -1}])
    days = {"po.received": DAY, "vendor.invoiced": date(2026, 3, 9)}
    for event in story.events:
        in_euros = replace(event, currency_code="EUR", original_date=days.get(event.type, DAY))
        assert ledger.refused([in_euros]) == []
        pools: Any = ledger.book.cost.state.pools.values()
        assert functional(ledger).get("INVENTORY", 0) == sum(x.value for x in pools), event.type
    assert ledger.waiting == {}
    assert "GRNI" not in functional(ledger)
