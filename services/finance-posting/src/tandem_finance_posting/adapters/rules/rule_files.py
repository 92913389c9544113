"""Rule sets from YAML: every rule is proved to balance and every test is run at load."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

from tandem_finance_posting.domain.errors import PostingRuleInvalid
from tandem_finance_posting.domain.expression import Expression
from tandem_finance_posting.domain.journal import evaluated_lines
from tandem_finance_posting.domain.posting_rule import (
    PostingRule,
    RuleLine,
    RuleSet,
    RuleTest,
    Side,
    untested_roles,
)

DEFAULT = "retail_default.yaml"


def default_rules() -> RuleSet:
    """The rule set this distribution ships."""
    source = resources.files("tandem_finance_posting.rules").joinpath(DEFAULT)
    return load_rules(source.read_text(encoding="utf-8"))


def load_rules(source: str) -> RuleSet:
    """Parses, proves and tests a rule set. Raises PostingRuleInvalid naming the rule."""
    return proved_rules(yaml.safe_load(source))


def proved_rules(data: Mapping[str, Any]) -> RuleSet:
    """Proves and tests a parsed rule set. Raises PostingRuleInvalid naming the rule."""
    rules = tuple(_rule(item) for item in data["rules"])
    for rule in rules:
        _run_tests(rule)
    untested = list(untested_roles(rules))
    if untested:
        raise PostingRuleInvalid(data["rule_set"], f"no test names {', '.join(untested)}")
    return RuleSet(data["rule_set"], int(data["version"]), rules)


def _rule(item: Mapping[str, Any]) -> PostingRule:
    condition = item.get("when")
    return PostingRule(
        id=item["id"],
        event_type=item["event"],
        title=item["title"],
        lines=tuple(_line(item["id"], line) for line in item["lines"]),
        when=Expression(condition) if condition else None,
        tests=tuple(RuleTest(t["name"], t["facts"], t["expect"]) for t in item.get("tests", ())),
    )


def _line(rule_id: str, line: Mapping[str, Any]) -> RuleLine:
    if ("dr" in line) == ("cr" in line):
        raise PostingRuleInvalid(rule_id, f"line {line.get('id')} needs either dr or cr")
    side = Side.DEBIT if "dr" in line else Side.CREDIT
    return RuleLine(
        id=line["id"],
        side=side,
        role=line["dr" if side is Side.DEBIT else "cr"],
        amount=Expression(str(line["amount"])),
        each=line.get("each", ""),
        dimensions=tuple(line.get("dims", ())),
    )


def _run_tests(rule: PostingRule) -> None:
    for test in rule.tests:
        if not rule.applies(test.facts):
            raise PostingRuleInvalid(rule.id, f"test {test.name}: the condition does not hold")
        found: dict[str, int] = {}
        for line in evaluated_lines(rule, test.facts):
            found[line.role] = found.get(line.role, 0) + line.amount * line.side.sign
        found = {role: amount for role, amount in found.items() if amount}
        if found != dict(test.expect):
            raise PostingRuleInvalid(rule.id, f"test {test.name}: made {found}")
