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
from tandem_finance_posting.domain.journal import evaluated_lines

SHIPPED = default_rules()
RULE = """
rule_set: test
version: 1
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
    assert {r.id for r in rules.rules} == {"P03", "P05", "P06", "P08", "P17", "P18", "P19", "P41"}


def test_equal_sums_written_differently_balance() -> None:
    assert load_rules(rule()).rules[0].difference() == {}


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
        default_rules().rule_for("moon.landed", {})


amounts = st.integers(min_value=0, max_value=10**12)


@given(x=amounts, y=amounts)
def test_linear_form_and_evaluation_agree(x: int, y: int) -> None:
    expression = Expression("3 * (x - y) + y - -x")
    form = linear(expression)
    assert expression.amount({"x": x, "y": y}) == form.get("x", 0) * x + form.get("y", 0) * y


@given(data=st.data())
def test_every_default_rule_balances_on_random_facts(data: st.DataObject) -> None:
    for posting_rule in SHIPPED.rules:
        facts = {
            name: _random_like(value, data) for name, value in posting_rule.tests[0].facts.items()
        }
        lines = list(evaluated_lines(posting_rule, facts))
        assert sum(line.amount * line.side.sign for line in lines) == 0


def _random_like(value: object, data: st.DataObject) -> object:
    if isinstance(value, int):
        return data.draw(amounts)
    if isinstance(value, list):
        count = data.draw(st.integers(min_value=0, max_value=3))
        return [
            {name: _random_like(item, data) for name, item in value[0].items()}
            for _ in range(count if value else 0)
        ]
    return value
