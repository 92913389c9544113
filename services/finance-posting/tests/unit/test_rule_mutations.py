"""Rules broken in ways that still balance are caught: at load, or by roles that must end at zero.

Goal: prove that no single wrong role, side or swap in the shipped rules goes unnoticed. Method:
each line of each rule is changed in turn in the shipped YAML and the rule set is loaded. A finished
order must leave its clearing roles empty: that catches what a rule's own tests were changed with.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from tandem_finance_posting.adapters.rules.rule_files import default_document, proved_rules
from tandem_finance_posting.domain.errors import PostingRuleInvalid
from tandem_finance_posting.domain.event_posting import Posted
from tandem_finance_posting.domain.finance_event import Hold
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_set import RuleSet

from .test_posting_book import TODAY, balances, capture, event, receipt, refund, shipment

Document = dict[str, Any]
SHIPPED: Document = dict(default_document())
ROLES = sorted({line.get("dr") or line["cr"] for r in SHIPPED["rules"] for line in r["lines"]})
MUST_BE_ZERO = {"AR_ORDER", "CUSTOMER_DEPOSIT", "REFUND_PAYABLE", "INV_RETURNS_HOLD"}


def side_of(line: dict[str, Any]) -> str:
    return "dr" if "dr" in line else "cr"


def lines() -> Iterator[tuple[int, int, str]]:
    for r, rule in enumerate(SHIPPED["rules"]):
        for n, line in enumerate(rule["lines"]):
            yield r, n, f"{rule['id']}.{line['id']}"


LINES = [pytest.param(r, n, id=name) for r, n, name in lines()]
"""Lines of free-form rules take their roles from facts, so their "*" must not become a role."""


@pytest.mark.parametrize(("rule", "line"), LINES)
def test_a_line_with_any_other_role_is_refused_at_load(rule: int, line: int) -> None:
    survivors = []
    for role in ROLES:
        mutant, place = alone(rule)
        changed = mutant["rules"][place]["lines"][line]
        if changed[side_of(changed)] == role:
            continue
        changed[side_of(changed)] = role
        if loads(mutant):
            survivors.append(role)
    assert survivors == [], "these roles would be posted to and nobody would notice"


@pytest.mark.parametrize(("rule", "line"), LINES)
def test_two_lines_with_their_roles_swapped_are_refused_at_load(rule: int, line: int) -> None:
    survivors = []
    for other in range(len(SHIPPED["rules"][rule]["lines"])):
        mutant, place = alone(rule)
        one, two = mutant["rules"][place]["lines"][line], mutant["rules"][place]["lines"][other]
        a, b = one[side_of(one)], two[side_of(two)]
        if a == b:
            continue
        one[side_of(one)], two[side_of(two)] = b, a
        if loads(mutant):
            survivors.append((one["id"], two["id"]))
    assert survivors == []


@pytest.mark.parametrize(("rule", "line"), LINES)
def test_a_line_left_out_or_on_the_other_side_is_refused_at_load(rule: int, line: int) -> None:
    without, place = alone(rule)
    del without["rules"][place]["lines"][line]
    turned, place = alone(rule)
    changed = turned["rules"][place]["lines"][line]
    side = side_of(changed)
    changed["cr" if side == "dr" else "dr"] = changed.pop(side)
    assert not loads(without)
    assert not loads(turned)


def alone(rule: int) -> tuple[Document, int]:
    """A copy of the rule set with the rules of one event type only, and the rule's place in it."""
    event = SHIPPED["rules"][rule]["event"]
    places = [n for n, found in enumerate(SHIPPED["rules"]) if found["event"] == event]
    kept = [copy.deepcopy(SHIPPED["rules"][n]) for n in places]
    found = {**SHIPPED, "events": {event: SHIPPED["events"][event]}, "rules": kept}
    assert loads(found), "a change must be what makes it fail"
    return found, places.index(rule)


def loads(document: Document) -> bool:
    try:
        proved_rules(document)
    except PostingRuleInvalid:
        return False
    return True


CONSISTENT = {
    "the deposit is never used": ("P05", "CUSTOMER_DEPOSIT", "GIFT_CARD_LIAB"),
    "a shipment is owed by nobody": ("P06", "AR_ORDER", "TILL"),
    "a refund is owed to a gift card": ("P18", "REFUND_PAYABLE", "GIFT_CARD_LIAB"),
    "a refund is paid from the deposit": ("P19", "REFUND_PAYABLE", "CUSTOMER_DEPOSIT"),
    "a capture is credited to the receivable of nobody": ("P03", "CUSTOMER_DEPOSIT", "GRNI"),
}


@pytest.mark.parametrize("name", sorted(CONSISTENT))
def test_a_wrong_rule_with_a_wrong_test_leaves_a_role_that_must_be_zero(name: str) -> None:
    rule_id, right, wrong = CONSISTENT[name]
    mutant = copy.deepcopy(SHIPPED)
    (rule,) = [r for r in mutant["rules"] if r["id"] == rule_id]
    for line in rule["lines"]:
        if line[side_of(line)] == right:
            line[side_of(line)] = wrong
    for test in rule["tests"]:
        if right in test["expect"]:
            test["expect"][wrong] = test["expect"].pop(right)
    assert left_open(proved_rules(mutant)), "nothing tells that the rule is wrong"


def test_the_shipped_rules_leave_nothing_open_after_a_finished_order() -> None:
    assert left_open(proved_rules(SHIPPED)) == {}


def left_open(rules: RuleSet) -> dict[str, int]:
    """Roles that must be zero and are not, after an order paid, shipped, returned, refunded; and
    how many of its events still wait."""
    book = PostingBook({"t": RuleCatalogue((rules,))}, TODAY)
    settled = event("refund.settled", "s1", {"amount": 5_400})
    posted = [book.post(x) for x in (receipt(), capture(), shipment(), refund(), settled)]
    journals = [j for found in posted if isinstance(found, Posted) for j in found.journals]
    waiting = sum(isinstance(found, Hold) for found in posted)
    left = {role: x for role, x in balances(journals).items() if role in MUST_BE_ZERO}
    return {**left, "waiting": waiting} if waiting else left
