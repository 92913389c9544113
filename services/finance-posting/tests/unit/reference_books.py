"""What the books must say, worked out from the events alone: no rules, no lines, no journals.

A second model of the whole catalogue of the story: each role is a sum over facts, order by order
where payment meets receivable. Cost is taken as the sub-ledger stamped it (its own model is in
`test_cost_reference.py`). Amounts in cents, debit positive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tandem_finance_posting.domain.finance_event import FinanceEvent

Facts = Mapping[str, Any]
Totals = dict[str, int]


def total(records: Iterable[Facts], *names: str) -> int:
    return sum(int(record.get(name, 0)) for record in records for name in names)


def balances(posted: Iterable[tuple[FinanceEvent, Facts]]) -> Totals:
    """Closing balances of events with the facts they were posted with; zero is left out."""
    books: Totals = defaultdict(int)
    owed: Totals = defaultdict(int)
    paid: Totals = defaultdict(int)
    known = list(posted)
    undone = {str(facts["voids"]) for _, facts in known if "voids" in facts}
    for event, facts in known:
        if event.key not in undone and event.type in MODEL:
            MODEL[event.type](books, facts)
            owed[event.order_id] += DUE.get(event.type, nothing)(facts)
            paid[event.order_id] += PAID.get(event.type, nothing)(facts)
    for order in {*owed, *paid}:
        met = min(owed[order], paid[order])
        books["AR_ORDER"] += owed[order] - met
        books["CUSTOMER_DEPOSIT"] -= paid[order] - met
    return {role: amount for role, amount in books.items() if amount}


def nothing(_: Facts) -> int:
    return 0


def sale(facts: Facts) -> int:
    lines = facts["lines"]
    goods = total(lines, "list") - total(lines, "discount", "funded")
    return goods + int(facts.get("ship", 0)) + total(facts.get("taxes", ()), "amount")


def book_sale(books: Totals, facts: Facts) -> None:
    lines = facts["lines"]
    books["FUNDER_RECEIVABLE"] += total(lines, "funded")
    books["REV_DISCOUNT"] += total(lines, "discount")
    books["REV_PRODUCT"] -= total(lines, "list")
    books["REV_SHIPPING"] -= int(facts.get("ship", 0))
    books["TAX_PAYABLE"] -= total(facts.get("taxes", ()), "amount")
    book_cost(books, facts)


def book_cost(books: Totals, facts: Facts) -> None:
    books["COGS"] += total(facts["costs"], "cost")
    books["INVENTORY"] -= total(facts["costs"], "cost")


def book_till_sale(books: Totals, facts: Facts) -> None:
    book_sale(books, facts)
    for role, name in (("TILL", "cash"), ("PSP_CLEARING", "card"), ("GIFT_CARD_LIAB", "gift_card")):
        books[role] += int(facts[name])
        books["ROUNDING"] -= int(facts[name])
    books["ROUNDING"] += sale(facts)


def book_market_sale(books: Totals, facts: Facts) -> None:
    book_sale(books, facts)
    books["MKT_CLEARING"] += sale(facts)


def book_refund(books: Totals, facts: Facts) -> None:
    lines, fee = facts["lines"], int(facts["fee"])
    back = total(lines, "net", "tax") + int(facts["ship"]) + int(facts["ship_tax"])
    books["REV_RETURNS"] += total(lines, "net", "clawback")
    books["FUNDER_RECEIVABLE"] -= total(lines, "clawback")
    books["REV_SHIPPING"] += int(facts["ship"])
    books["TAX_PAYABLE"] += total(lines, "tax") + int(facts["ship_tax"])
    books["REV_RESTOCK_FEE"] -= fee
    books["REFUND_PAYABLE"] -= back - fee
    book_goods_back(books, facts)


def book_goods_back(books: Totals, facts: Facts) -> None:
    goods = facts["returned_costs"]
    books["COGS"] -= total(goods, "cost")
    books["INVENTORY"] += total(goods, "restock")
    books["RETURN_LOSS"] += total(goods, "scrap")
    books["INV_RETURNS_HOLD"] += total(goods, "cost") - total(goods, "restock", "scrap")


def book_exchange(books: Totals, facts: Facts) -> None:
    books["REV_RETURNS"] += total(facts["lines"], "net")
    books["TAX_PAYABLE"] += total(facts["lines"], "tax")
    book_goods_back(books, facts)


def book_graded(books: Totals, facts: Facts) -> None:
    goods = facts["disposed"]
    left = total(goods, "restock", "scrap", "refurb", "loss", "vendor")
    books["INV_RETURNS_HOLD"] -= left
    books["INVENTORY"] += total(goods, "restock")
    books["INV_REFURB"] += total(goods, "refurb")
    books["INV_RTV_HOLD"] += total(goods, "vendor")
    books["RETURN_LOSS"] += total(goods, "scrap", "loss")


def book_settled_refund(books: Totals, facts: Facts) -> None:
    out = {"provider": "PSP_CLEARING", "cash": "TILL", "gift_card": "GIFT_CARD_LIAB",
           "store_credit": "STORE_CREDIT"}[facts["via"]]  # fmt: skip
    books["REFUND_PAYABLE"] += facts["amount"]
    books[out] -= facts["amount"]


def book_statement_line(books: Totals, facts: Facts) -> None:
    role = {"sale": "MKT_CLEARING", "tax": "MKT_TAX_WASH", "commission": "MKT_COMMISSION",
            "fulfilment": "MKT_FULFIL", "reimbursement": "SHRINK"}[facts["kind"]]  # fmt: skip
    books["MKT_SETTLED"] += facts["amount"]
    books[role] -= facts["amount"]


def book_statement_end(books: Totals, facts: Facts) -> None:
    there = "PAYOUT_IN_TRANSIT" if facts["outcome"] == "paid" else "MKT_RESERVE"
    books[there] += facts["amount"]
    books["MKT_SETTLED"] -= facts["amount"]


def book_chargeback_lost(books: Totals, facts: Facts) -> None:
    role = "CHARGEBACK_LOSS" if facts["cause"] == "fraud" else "REV_RETURNS"
    books[role] += facts["amount"] - facts["tax_relief"]
    books["TAX_PAYABLE"] += facts["tax_relief"]
    books["PSP_DISPUTED"] -= facts["amount"]


def book_receipt(books: Totals, facts: Facts) -> None:
    books["INVENTORY"] += total(facts["receipts"], "cost") + total(facts["landed_costs"], "cost")
    books["GRNI"] -= total(facts["receipts"], "cost")
    books["LANDED_ACCRUAL"] -= total(facts["landed_costs"], "cost")


def book_invoice(books: Totals, facts: Facts) -> None:
    lines = facts["invoiced"]
    difference = total(facts["lines"], "cost") - total(lines, "expected")
    books["GRNI"] += total(lines, "expected")
    books["INVENTORY"] += total(lines, "to_stock")
    books["PRICE_VARIANCE"] += difference - total(lines, "to_stock")
    books["AP"] -= total(facts["lines"], "cost")


def book_freight(books: Totals, facts: Facts) -> None:
    lines = facts["landed_costs"]
    difference = total(facts["charges"], "cost") - total(lines, "estimate")
    books["LANDED_ACCRUAL"] += total(lines, "estimate")
    books["INVENTORY"] += total(lines, "to_stock")
    books["PRICE_VARIANCE"] += difference - total(lines, "to_stock")
    books["AP"] -= total(facts["charges"], "cost")


def book_partner(books: Totals, facts: Facts) -> None:
    book_cost(books, facts)
    price = total(facts["lines"], "price")
    move(books, price, "DUE_FROM", "INTERCO_SALES")
    move(books, price, "INTERCO_COGS", "DUE_TO")


def book_psp(books: Totals, facts: Facts) -> None:
    kept = facts["reserve_held"] - facts["reserve_released"]
    move(books, facts["fee"], "PSP_FEES", "PSP_CLEARING")
    move(books, kept, "PSP_RESERVE", "PSP_CLEARING")


def book_dispute(books: Totals, facts: Facts) -> None:
    move(books, facts["amount"], "PSP_DISPUTED", "PSP_CLEARING")
    move(books, facts["fee"], "DISPUTE_FEES", "PSP_CLEARING")


def book_won(books: Totals, facts: Facts) -> None:
    move(books, facts["amount"], "PSP_CLEARING", "PSP_DISPUTED")
    move(books, facts["fee_returned"], "PSP_CLEARING", "DISPUTE_FEES")


def book_appeasement(books: Totals, facts: Facts) -> None:
    books["REV_APPEASEMENT"] += facts["net"]
    books["TAX_PAYABLE"] += facts["tax"]
    books["REFUND_PAYABLE"] -= facts["net"] + facts["tax"]


def book_vendor_ship(books: Totals, facts: Facts) -> None:
    books["VENDOR_CLAIM"] += total(facts["shipped"], "credit")
    books["PRICE_VARIANCE"] += total(facts["shipped"], "cost") - total(facts["shipped"], "credit")
    books["INV_RTV_HOLD"] -= total(facts["shipped"], "cost")


def move(books: Totals, amount: int, debit: str, credit: str) -> None:
    books[debit] += amount
    books[credit] -= amount


def moved(fact: str, debit: str, credit: str) -> Callable[[Totals, Facts], None]:
    return lambda books, facts: move(books, int(facts[fact]), debit, credit)


def summed(records: str, field: str, debit: str, credit: str) -> Callable[[Totals, Facts], None]:
    return lambda books, facts: move(books, total(facts[records], field), debit, credit)


def half(fact: str, role: str, sign: int) -> Callable[[Totals, Facts], None]:
    """One side; the other is the order's payment or debt."""

    def book(books: Totals, facts: Facts) -> None:
        books[role] += sign * int(facts[fact])

    return book


MODEL: dict[str, Callable[[Totals, Facts], None]] = {
    "payment.captured": half("amount", "PSP_CLEARING", 1),
    "giftcard.redeemed": half("amount", "GIFT_CARD_LIAB", 1),
    "giftcard.sold": moved("amount", "PSP_CLEARING", "GIFT_CARD_LIAB"),
    "giftcard.breakage": moved("amount", "GIFT_CARD_LIAB", "REV_BREAKAGE"),
    "order.cancelled": half("amount", "REFUND_PAYABLE", -1),
    "shipment.confirmed": book_sale,
    "pos.sale": book_till_sale,
    "mkt.shipment": book_market_sale,
    "mkt.refund": lambda b, f: move(b, total(f["lines"], "net"), "REV_RETURNS", "MKT_CLEARING"),
    "mkt.settlement_line": book_statement_line,
    "mkt.disbursed": book_statement_end,
    "funding.received": moved("amount", "BANK", "FUNDER_RECEIVABLE"),
    "refund.approved": book_refund,
    "refund.settled": book_settled_refund,
    "appeasement.approved": book_appeasement,
    "return.received": summed("costs", "cost", "INV_RETURNS_HOLD", "COGS"),
    "return.disposed": book_graded,
    "refurb.worked": summed("work", "cost", "INV_REFURB", "REFURB_ACCRUAL"),
    "refurb.done": summed("done", "cost", "INVENTORY", "INV_REFURB"),
    "refurb.invoiced": moved("amount", "REFURB_ACCRUAL", "AP"),
    "vendor_return.shipped": book_vendor_ship,
    "vendor_return.credited": moved("amount", "AP", "VENDOR_CLAIM"),
    "exchange.returned": book_exchange,
    "interco.fulfilled": book_partner,
    "psp.settled": book_psp,
    "payout.initiated": moved("amount", "PAYOUT_IN_TRANSIT", "PSP_CLEARING"),
    "payout.credited": moved("amount", "BANK", "PAYOUT_IN_TRANSIT"),
    "chargeback.opened": book_dispute,
    "chargeback.won": book_won,
    "chargeback.lost": book_chargeback_lost,
    "till.counted": lambda b, f: move(b, f["counted"] - f["expected"], "TILL", "CASH_OVER_SHORT"),
    "till.banked": moved("amount", "CASH_IN_TRANSIT", "TILL"),
    "bank.cash_credited": moved("amount", "BANK", "CASH_IN_TRANSIT"),
    "po.received": book_receipt,
    "vendor.invoiced": book_invoice,
    "landed.invoiced": book_freight,
    "transfer.shipped": summed("costs", "cost", "INV_IN_TRANSIT", "INVENTORY"),
    "transfer.received": summed("costs", "cost", "INVENTORY", "INV_IN_TRANSIT"),
    "transfer.short": summed("costs", "cost", "TRANSFER_LOSS", "INV_IN_TRANSIT"),
    "inventory.adjusted": summed("adjusted", "value", "INVENTORY", "SHRINK"),
    "cost.revalued": summed("revalued", "value", "INVENTORY", "INV_REVAL"),
}
DUE: dict[str, Callable[[Facts], int]] = {"shipment.confirmed": sale}
PAID: dict[str, Callable[[Facts], int]] = {
    "payment.captured": lambda facts: int(facts["amount"]),
    "giftcard.redeemed": lambda facts: int(facts["amount"]),
    "order.cancelled": lambda facts: -int(facts["amount"]),
    "exchange.returned": lambda facts: total(facts["lines"], "net", "tax"),
}
