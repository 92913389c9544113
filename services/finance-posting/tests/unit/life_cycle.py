"""One story that touches every kind of rule, told as events; figures in cents.

Two entities, one quarter: purchases with freight, a transfer with a loss, web orders with every
kind of return, a shop, a marketplace over two statements, disputes, and what the month end brings.
The goods cost what their notes say: A 18.36 and F 10.80 with freight, B 19.94, D 40.08, E 40.63,
W 60.00, X 40.35, and G 65.46 at the other entity.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from tandem_finance_posting.adapters.rules.rule_files import default_document, proved_rules
from tandem_finance_posting.domain.cost_ledger import CostLedger
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.cost_state import CostState
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_set import RuleSet

Facts = dict[str, Any]
DAY = date(2026, 3, 2)


def document() -> dict[str, Any]:
    """The shipped rules as written."""
    return copy.deepcopy(dict(default_document()))


@cache
def shipped() -> RuleSet:
    return proved_rules(document())


def new_book(rules: RuleSet) -> PostingBook:
    cost = CostLedger(CostState(CostPolicy({"t": rules.policies})))
    return PostingBook(
        catalogues={"t": RuleCatalogue((rules,))}, today=date(2026, 3, 31), cost=cost
    )


@dataclass
class Story:
    """Events in the order they happened."""

    events: list[FinanceEvent] = field(default_factory=list)

    def tell(self, type_: str, order_id: str = "", entity: str = "US01", **facts: Any) -> str:
        """The next event; its key."""
        event = FinanceEvent(
            tenant="t", source_system="test", type=type_, id=f"e{len(self.events):03}",
            legal_entity=entity, original_date=DAY, currency_code="USD", facts=facts,
            order_id=order_id,
        )  # fmt: skip
        self.events.append(event)
        return event.key

    def ship(self, order: str, line: str, goods: tuple[str, int, str], **money: Any) -> None:
        sku, quantity, area = goods
        row = {"line_ref": line, "sku": sku, "quantity": quantity, "area": area}
        names = ("list", "discount", "funded")
        tax = money.pop("tax", 0)
        self.tell(
            "shipment.confirmed", order,
            lines=[{**row, **{n: money.pop(n, 0) for n in names}}],
            taxes=[{"amount": tax, "jurisdiction": "US-CA", "tax_code": "goods"}] if tax else [],
            **money,
        )  # fmt: skip

    def come_back(
        self, order: str, line: str, goods: tuple[str, int, str], disposition: str, **more: Any
    ) -> None:
        sku, quantity, area = goods
        row = {"line_ref": line, "sku": sku, "quantity": quantity}
        self.tell("return.received", order, lines=[row])
        graded = {**row, "disposition": disposition, "area": area, **more}
        self.tell("return.disposed", order, lines=[graded])

    def refund(self, order: str, net: int, tax: int, fee: int = 0) -> None:
        line = {"net": net, "tax": tax, "sku": "", "line_ref": "1"}
        self.tell("refund.approved", order, lines=[line], fee=fee)
        self.tell("refund.settled", order, amount=net + tax - fee)


def purchases(story: Story) -> None:
    rows = [("A", 100, 170_000), ("F", 60, 60_000)]
    story.tell(
        "po.received",
        receipts=[received(*row, "DC", "R1") for row in rows],
        landed=[{"receipt_ref": "R1", "cost": 18_400, "key": "value"}],
    )
    rows = [("D", 5, 20_040), ("E", 10, 40_630), ("W", 5, 30_000), ("X", 10, 40_350)]
    goods = [received(*row, "DC", "R2") for row in rows]
    story.tell("po.received", receipts=[*goods, received("B", 10, 19_940, "S1", "R2")])
    story.tell("po.received", entity="US02", receipts=[received("G", 5, 32_730, "", "R9")])
    way = {"transfer_ref": "T1"}
    story.tell("transfer.shipped", lines=[{"sku": "F", "quantity": 20, "area": "DC"}], **way)
    story.tell("transfer.received", lines=[{"sku": "F", "quantity": 14, "area": "S1"}], **way)
    story.tell("transfer.short", lines=[{"sku": "F", "quantity": 6}], **way)


def received(sku: str, quantity: int, cost: int, area: str, receipt_ref: str) -> Facts:
    return {
        "sku": sku, "quantity": quantity, "cost": cost, "area": area, "receipt_ref": receipt_ref,
        "vendor": "V", "purchase_order": "PO",
    }  # fmt: skip


def first_order(story: Story) -> None:
    """Split over warehouse and shop, a gift card and a card, coupons of ours and of the vendor;
    one unit restocked, one kept by the customer, one repaired, and a price concession."""
    story.tell("giftcard.sold", amount=10_000)
    story.tell("order.captured", "O1", amount=21_145)
    story.tell("payment.authorised", "O1", amount=16_145)
    story.tell("giftcard.redeemed", "O1", amount=5_000)
    story.ship(
        "O1", "1", ("A", 3, "DC"), list=14_448, discount=1_200, funded=500, ship=795, tax=1_159
    )
    story.tell("payment.captured", "O1", amount=16_145)
    story.ship("O1", "2", ("B", 2, "S1"), list=5_966, tax=477)
    story.tell("funding.received", amount=500, funder="V")
    story.come_back("O1", "1", ("A", 1, "DC"), "RESTOCK")
    story.refund("O1", 4_416, 365)
    story.tell("return.kept", "O1", lines=[{"line_ref": "1", "sku": "A", "quantity": 1}])
    story.refund("O1", 4_416, 365)
    story.come_back("O1", "2", ("B", 1, "S1"), "REFURBISH", recoverable=1_200)
    story.refund("O1", 2_983, 238)
    line = {"line_ref": "2", "sku": "B"}
    story.tell("refurb.worked", "O1", lines=[{**line, "cost": 350}])
    done = {**line, "refurb_sku": "B-REF", "quantity": 1, "area": "S1"}
    story.tell("refurb.done", "O1", lines=[done])
    story.tell("refurb.invoiced", accrued=350, amount=350)
    story.tell("appeasement.approved", "O1", net=300, tax=24)
    story.tell("refund.settled", "O1", amount=324)


def other_orders(story: Story) -> None:
    story.tell("payment.captured", "O2", amount=8_000)
    story.tell("order.cancelled", "O2", amount=8_000)
    story.tell("refund.settled", "O2", amount=8_000)

    story.tell("payment.captured", "O3", amount=12_960)
    story.ship("O3", "1", ("W", 1, "DC"), list=12_000, tax=960)
    story.come_back("O3", "1", ("W", 1, ""), "VENDOR")
    story.refund("O3", 12_000, 960, fee=1_500)
    back = {"line_ref": "1", "sku": "W", "quantity": 1, "credit": 5_590}
    story.tell("vendor_return.shipped", "O3", lines=[back], vendor="V")
    story.tell("vendor_return.credited", amount=5_590, vendor="V")

    story.tell("payment.captured", "O4", amount=9_799)
    story.ship("O4", "1", ("A", 3, "DC"), list=9_000, tax=799)
    story.tell("chargeback.opened", "O4", amount=9_799, fee=1_500)
    story.tell("chargeback.won", "O4", amount=9_799, fee_returned=1_500)

    story.ship("O5", "1", ("D", 1, "DC"), list=5_995, ship=499)
    story.tell("payment.captured", "O5", amount=6_494)
    story.tell("chargeback.opened", "O5", amount=6_494, fee=1_500)
    story.tell("chargeback.lost", "O5", amount=6_494, cause="fraud")

    story.tell("payment.captured", "O7", amount=6_146)
    story.ship("O7", "1", ("D", 1, "DC"), list=5_691, tax=455)
    story.come_back("O7", "1", ("D", 1, ""), "SCRAP")
    story.refund("O7", 5_691, 455)


def exchange_and_partner(story: Story) -> None:
    story.tell("payment.captured", "O6", amount=7_560)
    story.ship("O6", "1", ("E", 1, "DC"), list=7_000, tax=560)
    goods = {"line_ref": "1", "sku": "E", "quantity": 1, "disposition": "RESTOCK", "area": "DC"}
    story.tell(
        "exchange.returned", "O6x", of_order="O6", lines=[{"net": 7_000, "tax": 560}], goods=[goods]
    )
    story.tell("payment.captured", "O6x", amount=1_694)
    story.ship("O6x", "1", ("A", 3, "DC"), list=8_500, tax=754)

    story.tell("payment.captured", "O9", amount=9_250)
    story.ship("O9", "1", ("G", 1, ""), list=8_491, tax=759, shipper="US02")
    line = {"line_ref": "1", "sku": "G", "quantity": 1, "price": 7_000}
    story.tell(
        "interco.fulfilled", "O9", "US02", shipper="US02", seller="US01", lines=[line]
    )  # fmt: skip


def shop_and_marketplace(story: Story) -> None:
    line = {"line_ref": "1", "sku": "F", "quantity": 2, "list": 5_200, "discount": 1_000}
    story.tell(
        "pos.sale", "P1", store="S1", register="1", cash=4_570,
        lines=[{**line, "area": "S1"}], taxes=[{"amount": 372, "jurisdiction": "US-CA"}],
    )  # fmt: skip
    story.tell("till.counted", counted=4_560, expected=4_570, store="S1", register="1")
    story.tell("till.banked", amount=4_560, store="S1")
    story.tell("bank.cash_credited", amount=4_560)

    lines = [
        {"line_ref": "1", "sku": "B", "quantity": 1, "list": 4_039, "area": "S1"},
        {"line_ref": "2", "sku": "F", "quantity": 1, "list": 2_561, "area": "DC"},
    ]
    story.tell("mkt.shipment", "M1", lines=lines)
    statement(story, "S-1", [("ItemPrice", "Principal", 6_600), ("ItemPrice", "Tax", 528),
              ("ItemWithheldTax", "MarketplaceFacilitatorTax-Principal", -528),
              ("ItemFees", "Commission", -990),
              ("ItemFees", "FBAPerUnitFulfillmentFee", -1_096)])  # fmt: skip
    story.tell("mkt.disbursed", settlement_id="S-1", amount=4_514)
    story.tell("payout.credited", amount=4_514)
    story.tell("mkt.refund", "M1", lines=[{"net": 4_039, "line_ref": "1", "sku": "B"}])
    story.come_back("M1", "1", ("B", 1, "S1"), "RESTOCK")
    statement(story, "S-2", [("ItemPrice", "Principal", -4_039), ("ItemPrice", "Tax", -323),
              ("ItemWithheldTax", "MarketplaceFacilitatorTax-Principal", 323),
              ("FBA Inventory Reimbursement", "WAREHOUSE_LOST", 2_500)])  # fmt: skip
    story.tell("mkt.disbursed", settlement_id="S-2", amount=-1_539, outcome="carried")


def statement(story: Story, settlement: str, rows: list[tuple[str, str, int]]) -> None:
    for kind, description, amount in rows:
        story.tell(
            "mkt.settlement_line", settlement_id=settlement, transaction_type="Order",
            amount_type=kind, amount_description=description, amount=amount,
        )  # fmt: skip


def month_end(story: Story) -> None:
    story.tell("psp.settled", fee=1_500, reserve_held=5_000, settlement_id="P-1")
    failed = story.tell("payout.initiated", amount=20_000, payout_ref="1")
    story.tell("payout.failed", voids=failed)
    story.tell("payout.initiated", amount=20_000, payout_ref="2")
    story.tell("payout.credited", amount=20_000, payout_ref="2")
    story.tell("psp.settled", fee=633, reserve_released=5_000, settlement_id="P-2")
    story.tell("payout.initiated", amount=19_208, payout_ref="3")
    story.tell("payout.credited", amount=19_208, payout_ref="3")
    invoice(story, "US01", [("R1", "A", 100, 170_500), ("R1", "F", 60, 60_000)])
    invoice(story, "US01", [
        ("R2", "D", 5, 20_040), ("R2", "E", 10, 40_630), ("R2", "W", 5, 30_000),
        ("R2", "X", 10, 40_350), ("R2", "B", 10, 19_940),
    ])  # fmt: skip
    invoice(story, "US02", [("R9", "G", 5, 32_730)])
    story.tell("landed.invoiced", charges=[{"receipt_ref": "R1", "cost": 20_000, "key": "value"}])
    story.tell("inventory.adjusted", lines=[{"sku": "E", "delta": -1, "area": "DC"}])
    story.tell("cost.revalued", lines=[{"sku": "X", "change": -100, "area": "DC"}])
    story.tell("giftcard.breakage", amount=556, cohort="2026-03")


def invoice(story: Story, entity: str, rows: list[tuple[str, str, int, int]]) -> None:
    names = ("receipt_ref", "sku", "quantity", "cost")
    lines = [dict(zip(names, row, strict=True)) for row in rows]
    story.tell("vendor.invoiced", entity=entity, lines=lines, vendor="V")


def life_cycle() -> list[FinanceEvent]:
    story = Story()
    for chapter in (
        purchases, first_order, other_orders, exchange_and_partner, shop_and_marketplace, month_end,
    ):  # fmt: skip
        chapter(story)
    return story.events
