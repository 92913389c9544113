"""Rules are proved when they are loaded; wrong ones never get as far as an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.adapters.rules.rule_files import default_rules, load_rules
from tandem_finance_posting.domain.errors import (
    FinanceFactInvalid,
    PostingRuleInvalid,
    PostingRuleMissing,
)
from tandem_finance_posting.domain.expression import Expression, linear
from tandem_finance_posting.domain.fact_types import FactType
from tandem_finance_posting.domain.journal import evaluated_lines

SHIPPED = default_rules()
RULE = """
rule_set: test
version: 1
effective_from: 2026-01-01
roles: {{TILL: {{family: asset}}, BANK: {{family: asset}}, SHRINK: {{family: expense}}}}
events:
  thing.happened: {{title: A thing, facts: {{x: money, y: money}}}}
rules:
  - id: T1
    event: thing.happened
    title: A thing
    lines:
      - {{id: a, dr: {debit}, amount: "{amount}"}}
      - {{id: b, cr: BANK, amount: "{credit}"}}
    tests:
      - {{name: one, facts: {{x: 5, y: 2}}, expect: {{{debit}: {expected}, BANK: -{expected}}}}}
"""


def rule(
    debit: str = "TILL", amount: str = "x + y", credit: str = "y + x", expected: int = 7
) -> str:
    return RULE.format(debit=debit, amount=amount, credit=credit, expected=expected)


def test_the_default_rules_load() -> None:
    rules = default_rules()
    catalogue = {rule.id.split("-")[0] for rule in rules.rules}
    in_others = {"P13"}  # a discount of ours is a line of every sale
    assert catalogue | in_others == {f"P{number:02}" for number in range(1, 50)}


def test_equal_sums_written_differently_balance() -> None:
    assert load_rules(rule()).rules[0].id == "T1"


@pytest.mark.parametrize("credit", ["x", "x + y + y", "x - y", "x + 2 * y", "min(x, y)"])
def test_a_rule_that_does_not_balance_is_refused_at_load(credit: str) -> None:
    with pytest.raises(PostingRuleInvalid, match="leave"):
        load_rules(rule(credit=credit))


def test_a_balanced_rule_with_the_wrong_role_fails_its_test() -> None:
    wrong = rule().replace("dr: TILL", "dr: SHRINK")
    with pytest.raises(PostingRuleInvalid, match="test one"):
        load_rules(wrong)


def test_a_rule_without_a_test_is_refused() -> None:
    source = rule().split("    tests:")[0]
    with pytest.raises(PostingRuleInvalid, match="no test"):
        load_rules(source)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "x.y.z",
        "x / 2",
        "x ** 2",
        "[x]",
        "lambda: 1",
        "1.5",
        "f(x)",
        "x if y else 1",
    ],
)
def test_anything_beyond_the_small_language_is_refused(text: str) -> None:
    with pytest.raises(PostingRuleInvalid):
        _ = Expression(text).tree


def test_a_product_of_facts_cannot_be_proved_and_is_refused() -> None:
    with pytest.raises(PostingRuleInvalid, match="multiplies two facts"):
        linear(Expression("x * y"))


def test_a_missing_fact_is_named() -> None:
    with pytest.raises(FinanceFactInvalid) as refused:
        Expression("x + missing").amount({"x": 1})
    assert refused.value.fact == "missing"


def test_a_fraction_is_no_amount() -> None:
    with pytest.raises(FinanceFactInvalid):
        Expression("x").amount({"x": 1.5})  # type: ignore[dict-item]  # what JSON could hold


def test_an_event_without_a_rule_is_not_posted_somewhere() -> None:
    with pytest.raises(PostingRuleMissing):
        default_rules().event_type("moon.landed")


amounts = st.integers(min_value=0, max_value=10**12)
signed = st.integers(min_value=-(10**12), max_value=10**12)


@given(x=amounts, y=amounts)
def test_linear_form_and_evaluation_agree(x: int, y: int) -> None:
    expression = Expression("3 * (x - y) + y - -x")
    form = linear(expression)
    assert expression.amount({"x": x, "y": y}) == form.get("x", 0) * x + form.get("y", 0) * y


@given(data=st.data())
def test_every_default_rule_balances_on_random_facts(data: st.DataObject) -> None:
    for posting_rule in SHIPPED.rules:
        if posting_rule.free_form:
            continue
        declared = SHIPPED.event_types[posting_rule.event_type].known
        facts = {name: _random_of(kind, data) for name, kind in declared.items()}
        lines = evaluated_lines(posting_rule, {**SHIPPED.policy_facts(""), **facts})
        totals: dict[tuple[str, bool], int] = {}
        for line in lines:
            key = (line.currency_code, line.amount == 0)
            totals[key] = totals.get(key, 0) + line.functional * line.side.sign
        assert not any(totals.values()), posting_rule.id


def _random_of(kind: FactType, data: st.DataObject) -> object:
    if kind.kind == "list":
        count = data.draw(st.integers(min_value=0, max_value=3))
        return [{n: _random_of(k, data) for n, k in kind.record.items()} for _ in range(count)]
    if kind.kind == "enum":
        return data.draw(st.sampled_from(kind.values))
    if kind.is_number:
        return data.draw(amounts if kind.kind != "signed" else signed)
    return "X"
