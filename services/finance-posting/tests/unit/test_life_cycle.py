"""A whole quarter of a retailer through the shipped rules, to the cent.

Goal: the rules fit together: what one event opens another closes. Method: the story of
`life_cycle.py` is posted and its closing balances are compared with a table worked out by hand.
Left out: other currencies, and estimates but for breakage.
"""

from __future__ import annotations

from collections import defaultdict

import pytest
from tandem_finance_posting.domain.cost_state import PoolKey
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.goods_aside import Stage
from tandem_finance_posting.domain.journal import Journal

from .delivery import Ledger
from .life_cycle import DAY, life_cycle, shipped

CLOSING = {
    "BANK": 48_782, "MKT_RESERVE": -1_539, "INVENTORY": 381_422, "DUE_FROM": 7_000,
    "GIFT_CARD_LIAB": -4_444, "TAX_PAYABLE": -3_328, "AP": -428_950, "DUE_TO": -7_000,
    "REV_PRODUCT": -88_891, "REV_SHIPPING": -1_294, "REV_DISCOUNT": 2_200, "REV_RETURNS": 40_545,
    "REV_APPEASEMENT": 300, "REV_BREAKAGE": -556, "REV_RESTOCK_FEE": -1_500,
    "INTERCO_SALES": -7_000, "COGS": 30_476, "RETURN_LOSS": 4_802, "PSP_FEES": 2_133,
    "DISPUTE_FEES": 1_500, "CHARGEBACK_LOSS": 6_494, "MKT_COMMISSION": 990, "MKT_FULFIL": 1_096,
    "SHRINK": 1_563, "TRANSFER_LOSS": 6_480, "PRICE_VARIANCE": 707, "INV_REVAL": 1_000,
    "CASH_OVER_SHORT": 10, "ROUNDING": 2, "INTERCO_COGS": 7_000,
}  # fmt: skip
STAGES = {
    "INV_RETURNS_HOLD": Stage.RETURNED,
    "INV_REFURB": Stage.REFURB,
    "INV_RTV_HOLD": Stage.VENDOR,
    "INV_IN_TRANSIT": Stage.TRANSIT,
    "INV_TO_CUSTOMER": Stage.CUSTOMER,
}


@pytest.fixture(scope="module")
def posted() -> Ledger:
    ledger = Ledger.empty(shipped())
    assert ledger.refused(life_cycle()) == []
    return ledger


def test_the_quarter_closes_at_the_table(posted: Ledger) -> None:
    assert posted.waiting == {}
    assert posted.balances() == CLOSING


def test_what_clears_is_zero_for_every_order_document_and_unit(posted: Ledger) -> None:
    roles = shipped().roles
    assert [role for role in posted.balances() if roles[role].clears] == []
    of_orders: dict[str, int] = defaultdict(int)
    for journal in posted.journals:
        for line in journal.lines:
            if line.role in ("AR_ORDER", "CUSTOMER_DEPOSIT", "REFUND_PAYABLE", "INV_RETURNS_HOLD"):
                of_orders[f"{line.role}/{journal.event.order_id}"] += line.amount * line.side.sign
    assert {name for name, amount in of_orders.items() if amount} == set()
    by_transfer = posted.balances("transfer_ref")
    assert [name for name in by_transfer if name.startswith("INV_IN_TRANSIT")] == []


def test_the_first_order_alone_earns_what_it_should(posted: Ledger) -> None:
    mine = Ledger(posted.book, journals=[j for j in posted.journals if j.event.order_id == "O1"])
    found = mine.balances()
    revenue = sum(amount for role, amount in found.items() if role.startswith("REV_"))
    assert -revenue == 7_894
    assert found["COGS"] == 5_666
    assert not {"AR_ORDER", "CUSTOMER_DEPOSIT", "REFUND_PAYABLE"} & set(found)


def test_the_first_shipment_has_the_lines_of_the_sample(posted: Ledger) -> None:
    first = next(j for j in posted.journals if j.event.type == "shipment.confirmed")
    assert {line.role: line.amount * line.side.sign for line in first.lines} == {
        "AR_ORDER": 14_702, "FUNDER_RECEIVABLE": 500, "REV_DISCOUNT": 1_200,
        "REV_PRODUCT": -14_448, "REV_SHIPPING": -795, "TAX_PAYABLE": -1_159,
        "COGS": 5_508, "INVENTORY": -5_508,
    }  # fmt: skip


def test_the_sub_ledger_and_the_books_agree_after_every_event() -> None:
    ledger = Ledger.empty(shipped())
    for event in life_cycle():
        ledger.deliver([event])
        assert stock_differences(ledger) == {}, event.type


def stock_differences(ledger: Ledger) -> dict[str, int]:
    """Books less sub-ledger of every role that holds goods, by entity."""
    state, found = ledger.book.cost.state, {}
    for entity in ("US01", "US02"):
        books = ledger.balances(entity=entity)
        worth = {"INVENTORY": sum(x.value for k, x in state.pools.items() if in_(k, entity))}
        for role, stage in STAGES.items():
            worth[role] = sum(
                x.cost
                for k, x in state.asides.items()
                if (k.legal_entity, k.stage) == (entity, stage)
            )
        for role, value in worth.items():
            found[f"{entity} {role}"] = books.get(role, 0) - value
    return {name: amount for name, amount in found.items() if amount}


def in_(key: PoolKey, entity: str) -> bool:
    return key.legal_entity == entity


def test_every_journal_balances_and_so_does_every_prefix(posted: Ledger) -> None:
    for journal in posted.journals:
        assert sum(line.amount * line.side.sign for line in journal.lines) == 0
        assert all(line.amount >= 0 for line in journal.lines)
        assert {line.role for line in journal.lines} <= set(shipped().roles)


def test_cost_of_sales_never_moves_without_goods(posted: Ledger) -> None:
    goods = {"INVENTORY", "INV_RETURNS_HOLD", "INV_TO_CUSTOMER", "RETURN_LOSS", "INV_ALLOWANCE"}
    for journal in posted.journals:
        roles = {line.role for line in journal.lines}
        assert "COGS" not in roles or roles & goods, journal.event.type


def test_both_entities_of_a_sale_between_them_say_the_same(posted: Ledger) -> None:
    linked: dict[str, list[Journal]] = defaultdict(list)
    for journal in posted.journals:
        if journal.event.type == "interco.fulfilled":
            linked[journal.link_id].append(journal)
    ((link, pair),) = linked.items()
    assert link, "nothing joins the two"
    assert {journal.legal_entity for journal in pair} == {"US01", "US02"}
    assert sum(j.balance("DUE_FROM") + j.balance("DUE_TO") for j in pair) == 0


def test_taking_back_everything_in_turn_empties_books_and_sub_ledger() -> None:
    """Newest first; a payout that failed is taken back already, a revaluation never is."""
    ledger = Ledger.empty(shipped())
    events = [event for event in life_cycle() if event.type != "cost.revalued"]
    assert ledger.refused(events) == []
    taken_back = {str(event.facts["voids"]) for event in events if "voids" in event.facts}
    for event in reversed(events):
        if "voids" not in event.facts and event.key not in taken_back and made_any(ledger, event):
            assert ledger.refused([void(event)]) == [], event.type
            assert ledger.waiting == {}
    assert ledger.balances() == {}
    assert stock_differences(ledger) == {}
    assert not any(pool.quantity for pool in ledger.book.cost.state.pools.values())


def made_any(ledger: Ledger, event: FinanceEvent) -> bool:
    return any(j.event.key == event.key for j in ledger.journals)


def void(event: FinanceEvent) -> FinanceEvent:
    return FinanceEvent(
        tenant="t", source_system="test", type="event.voided", id=f"v-{event.id}",
        legal_entity=event.legal_entity, original_date=DAY, currency_code="USD",
        facts={"voids": event.key}, order_id=event.order_id,
    )  # fmt: skip
