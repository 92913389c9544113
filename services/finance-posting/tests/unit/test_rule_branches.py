"""What is proved of a rule set in every branch: balance, no gap, no overlap, nothing undeclared."""

from __future__ import annotations

from typing import Any

import pytest
from tandem_finance_posting.adapters.rules.rule_files import default_document, proved_rules
from tandem_finance_posting.domain.errors import PostingRuleInvalid

RECORD = {"amount": "money", "kind": "enum(kept,sent)"}


def line(id_: str, side: str, role: str, amount: str, **rest: Any) -> dict[str, Any]:
    return {"id": id_, side: role, "amount": amount, **rest}


BOTH = [line("a", "dr", "TILL", "x"), line("b", "cr", "BANK", "x")]
ONE = [{"name": "one", "facts": {"x": 5}, "expect": {"TILL": 5, "BANK": -5}}]


def rule(id_: str = "T1", **rest: Any) -> dict[str, Any]:
    found = {"id": id_, "event": "thing.happened", "title": "A thing", "lines": BOTH, "tests": ONE}
    return {**found, **rest}


def document(*rules: dict[str, Any], **rest: Any) -> dict[str, Any]:
    facts = {
        "x": "money", "colour": "enum(red,blue)=red", "note": "text?", "parts": [RECORD],
    }  # fmt: skip
    return {
        "rule_set": "test", "version": 1, "effective_from": "2026-01-01",
        "roles": {role: {"family": "asset"} for role in ("TILL", "BANK", "SHRINK")},
        "policies": {"mode": {"values": ["on", "off"], "default": "on"}},
        "events": {"thing.happened": {"title": "A thing", "facts": facts}},
        "rules": list(rules), **rest,
    }  # fmt: skip


def refused(found: dict[str, Any], why: str) -> None:
    with pytest.raises(PostingRuleInvalid, match=why):
        proved_rules(found)


def test_a_value_without_a_rule_is_a_gap() -> None:
    refused(document(rule(when="colour == 'red'")), "gap.*blue")


def test_a_value_with_two_rules_is_an_overlap() -> None:
    red = rule(when="colour == 'red'")
    refused(document(rule("T2"), red), "overlap.*red")


def test_policies_are_branches_like_facts() -> None:
    on, off = rule(when="mode == 'on'"), rule("T2", when="mode == 'off'", lines=[], tests=NOTHING)
    assert len(proved_rules(document(on, off)).rules) == 2
    refused(document(on), "gap.*off")


NOTHING = [{"name": "nothing", "facts": {"mode": "off"}}]


def test_each_book_and_purpose_has_rules_of_its_own() -> None:
    proved_rules(document(rule(), rule("T2", book="IFRS"), rule("T3", purpose="second")))


def test_a_line_of_one_branch_only_must_balance_there() -> None:
    lines = [*BOTH, line("c", "dr", "SHRINK", "x", when="colour == 'blue'")]
    refused(document(rule(lines=lines)), "leave.*blue")
    lines += [line("d", "cr", "SHRINK", "x", when="colour != 'red'")]
    expect = {"TILL": 1, "BANK": -1, "SHRINK": 0}
    blue = {"name": "blue", "facts": {"x": 1, "colour": "blue"}, "expect": expect}
    proved_rules(document(rule(lines=lines, tests=[*ONE, blue])))


def test_records_of_one_list_may_take_different_branches() -> None:
    kept = line("k", "dr", "TILL", "amount", each="parts", when="kind == 'kept'")
    sent = line("s", "dr", "BANK", "amount", each="parts", when="kind == 'sent'")
    whole = line("w", "cr", "SHRINK", "sum(parts.amount)")
    facts = {"parts": [{"amount": 3, "kind": "kept"}, {"amount": 4, "kind": "sent"}]}
    test = {"name": "both", "facts": facts, "expect": {"TILL": 3, "BANK": 4, "SHRINK": -7}}
    proved_rules(document(rule(lines=[kept, sent, whole], tests=[test])))
    refused(document(rule(lines=[kept, whole], tests=[test])), "kind=sent")


def test_a_condition_on_an_amount_cannot_be_enumerated_unless_it_is_the_lines_own() -> None:
    refused(document(rule(when="x > 5")), "not an enumerated fact")
    lines = [line("a", "dr", "TILL", "x", when="x > 0"), line("b", "cr", "BANK", "x")]
    proved_rules(document(rule(lines=lines)))
    lines[0]["when"] = "x > 1"
    refused(document(rule(lines=lines)), "not an enumerated fact")


def test_a_misspelt_value_is_no_branch() -> None:
    refused(document(rule(when="colour == 'rde'")), "compares no value")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"dr": "PETTY"}, "line a: role PETTY is not known"),
        ({"amount": "y"}, "line a: y is not a declared amount"),
        ({"amount": "note"}, "line a: note is not a declared amount"),
        ({"dims": ["shop"]}, "line a: dimension shop"),
        ({"each": "x"}, "line a: x is not a list"),
        ({"currency": "x"}, "line a: x is not a text fact"),
        ({"role_fact": "note"}, "line a: takes its role"),
        ({"amount": "x * x"}, "multiplies two facts"),
        ({"amount": "sum(parts.weight)"}, "parts.weight is not a declared amount"),
        ({"amount": "sum(parts.amount)", "each": "parts"}, "adds a whole list once for every"),
    ],
)
def test_what_is_not_declared_is_refused_with_the_line(changed: dict[str, Any], why: str) -> None:
    refused(document(rule(lines=[{**BOTH[0], **changed}, BOTH[1]])), why)


def test_the_smallest_of_two_facts_is_not_the_sum_of_the_smallest_of_records() -> None:
    """An expression over each record is not the same expression over the event."""
    each = line("a", "dr", "TILL", "min(amount, x)", each="parts")
    whole = line("b", "cr", "BANK", "min(x, x)")
    refused(document(rule(lines=[each, whole])), "leave.*parts:min")


def test_two_moves_that_stamp_one_list_are_refused() -> None:
    whole = dict(default_document())
    events = dict(whole["events"])
    shipped = dict(events["shipment.confirmed"])
    shipped["cost"] = [*shipped["cost"], *shipped["cost"]]
    refused({**whole, "events": {**events, "shipment.confirmed": shipped}}, "stamp the same list")


@pytest.mark.parametrize("key", ["lines", "event", "title"])
def test_a_document_that_lacks_something_is_refused_with_its_place(key: str) -> None:
    broken = {name: value for name, value in rule().items() if name != key}
    refused(document(broken), f"rules.0.{key}")
    refused(document({**rule(), "extra": 1}), "rules.0.extra")
