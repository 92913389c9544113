"""Rules that balance and are wrong: which check of the books finds each of them.

Goal: show that balance proves little, and that the checks used at a close find what it misses.
Method: one line of a shipped rule posts to another role, as if rule and test had been written wrong
together; the set is still proved to balance; the story of `life_cycle.py` is posted with it. Left
out: rules whose own tests find the error, which is `test_rule_mutations.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from tandem_finance_posting.domain.posting_rule import RuleLine
from tandem_finance_posting.domain.rule_proof import prove
from tandem_finance_posting.domain.rule_set import RuleSet

from .delivery import Ledger
from .life_cycle import life_cycle, shipped
from .test_books_reference import expected
from .test_life_cycle import stock_differences


@dataclass(frozen=True)
class Wrong:
    """A line that posts to another role, and the checks that must see it."""

    rule: str
    line: str
    role: str
    seen_by: frozenset[str]


def wrong(rule: str, line: str, role: str, *seen_by: str) -> Wrong:
    return Wrong(rule, line, role, frozenset(seen_by))


WRONG = {
    "restock to expense": wrong("P21", "inv", "SHRINK", "stock", "model"),
    "tax not taken back by a refund": wrong("P18", "tax", "REV_RETURNS", "tax", "model"),
    "a won dispute to revenue": wrong("P37", "disputed", "REV_PRODUCT", "clears", "model"),
    "tax of the marketplace as our own": wrong("P34", "tax", "TAX_PAYABLE", "gross"),
    "a lost transfer out of stock": wrong(
        "P40-short", "transit", "INVENTORY", "clears", "stock", "model"
    ),
    "breakage out of store credit": wrong("P11", "card", "STORE_CREDIT", "model"),
    "a payout against clearing": wrong(
        "P31-credited", "transit", "PSP_CLEARING", "clears", "model"
    ),
    "freight into goods received": wrong("P41", "accrual", "GRNI", "clears", "model"),
    "a refund paid from the deposit": wrong(
        "P19", "payable", "CUSTOMER_DEPOSIT", "clears", "model"
    ),
    "a whole price difference to stock": wrong("P42", "variance", "INVENTORY", "stock", "model"),
    "a funder's coupon as our discount": wrong("P06", "fund", "REV_DISCOUNT", "model"),
    "goods kept for repair as loss": wrong(
        "P22", "refurb", "RETURN_LOSS", "clears", "stock", "model"
    ),
    "the seller owes a vendor": wrong("P45-seller", "due", "AP", "mirror", "model"),
}


def broken(change: Wrong) -> RuleSet:
    rules = shipped()
    (rule,) = (x for x in rules.rules if x.id == change.rule)
    lines = tuple(_changed(line, change) for line in rule.lines)
    assert lines != rule.lines, "no such line"
    return replace(
        rules, rules=tuple(replace(x, lines=lines) if x is rule else x for x in rules.rules)
    )


def _changed(line: RuleLine, change: Wrong) -> RuleLine:
    return replace(line, role=change.role) if line.id == change.line else line


def clears(ledger: Ledger) -> bool:
    """Roles that are zero when their case is finished."""
    return any(shipped().roles[role].clears for role in ledger.balances())


def stock(ledger: Ledger) -> bool:
    """Goods in the books and in the sub-ledger."""
    return bool(stock_differences(ledger))


def tax(ledger: Ledger) -> bool:
    """Tax owed: what sales charged less what refunds gave back."""
    owed = 0
    for event in life_cycle():
        charged = sum(x["amount"] for x in event.facts.get("taxes", ()))  # type: ignore[union-attr,index]
        back = event.type in ("refund.approved", "exchange.returned")
        returned = sum(x["tax"] for x in event.facts["lines"]) if back else 0  # type: ignore[union-attr,index]
        conceded = event.facts["tax"] if event.type == "appeasement.approved" else 0
        owed += charged - returned - int(conceded)  # type: ignore[arg-type]
    return ledger.balances().get("TAX_PAYABLE", 0) != -owed


def gross(ledger: Ledger) -> bool:
    """Both sides of a role by where its lines come from: a pair that nets to zero is seen here."""
    return any(
        line.role == "TAX_PAYABLE" and journal.event.type.startswith("mkt.")
        for journal in ledger.journals
        for line in journal.lines
    )


def mirror(ledger: Ledger) -> bool:
    """What one entity is owed by another, the other owes."""
    found = ledger.balances()
    return found.get("DUE_FROM", 0) + found.get("DUE_TO", 0) != 0


def model(ledger: Ledger) -> bool:
    """Every role as the second model has it."""
    return ledger.balances() != expected(ledger, life_cycle())


CHECKS: tuple[Callable[[Ledger], bool], ...] = (clears, stock, tax, gross, mirror, model)


def seen_by(rules: RuleSet) -> frozenset[str]:
    ledger = Ledger.empty(rules)
    assert ledger.refused(life_cycle()) == []
    for journal in ledger.journals:
        assert sum(line.amount * line.side.sign for line in journal.lines) == 0
    return frozenset(check.__name__ for check in CHECKS if check(ledger))


def test_the_shipped_rules_pass_every_check() -> None:
    assert seen_by(shipped()) == frozenset()


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_rule_that_balances_and_is_wrong_is_seen_by_these_checks(name: str) -> None:
    rules = broken(WRONG[name])
    prove(rules)
    assert seen_by(rules) == WRONG[name].seen_by


def test_the_checks_of_a_close_find_ten_of_them_without_the_model() -> None:
    """Clearing roles, stock, tax, gross and mirror need no second set of books."""
    without = [name for name, change in WRONG.items() if change.seen_by - {"model"}]
    assert len(without) >= 10
