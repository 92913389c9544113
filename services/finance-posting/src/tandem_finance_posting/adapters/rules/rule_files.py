"""Rule sets from YAML: every rule is proved to balance and every test is run at load."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from tandem_finance_posting.adapters.rules.rule_document import (
    EventEntry,
    LineEntry,
    RuleDocument,
    RuleEntry,
    parse_document,
)
from tandem_finance_posting.domain.cost_move import CostMove
from tandem_finance_posting.domain.errors import PostingRuleInvalid
from tandem_finance_posting.domain.event_type import Classification, EventType
from tandem_finance_posting.domain.expression import Expression
from tandem_finance_posting.domain.fact_types import FactType, parse_facts
from tandem_finance_posting.domain.journal import evaluated_lines
from tandem_finance_posting.domain.posting_rule import (
    PostingRule,
    Rounding,
    RuleLine,
    RuleTest,
    Side,
)
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_proof import filled_facts, prove, untested_roles
from tandem_finance_posting.domain.rule_set import ANY_ENTITY, Entity, Policy, Role, RuleSet

DEFAULT = "retail_default"
CHARACTERS_MAX = 1_000_000


@cache
def default_document() -> Mapping[str, Any]:
    """The rule set this distribution ships, its files put together."""
    folder = resources.files("tandem_finance_posting.rules").joinpath(DEFAULT)
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".yaml"))
    sources = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in names}
    whole: dict[str, Any] = {**_parsed(sources.pop("set.yaml")), "events": {}, "rules": []}
    for name, source in sources.items():
        part = _parsed(source)
        twice = sorted(set(part.get("events", {})) & set(whole["events"]))
        if twice or set(part) - {"events", "rules"}:
            raise PostingRuleInvalid(name, f"declares again, or more than rules: {twice}")
        whole["events"].update(part.get("events", {}))
        whole["rules"].extend(part.get("rules", ()))
    return whole


@cache
def default_rules() -> RuleSet:
    """The shipped rule set, proved."""
    return proved_rules(default_document())


def default_catalogue() -> RuleCatalogue:
    """The shipped rule set alone."""
    return RuleCatalogue((default_rules(),))


def load_rules(source: str) -> RuleSet:
    """Parses, proves and tests a rule set. Raises PostingRuleInvalid naming the rule."""
    return proved_rules(_parsed(source))


def _parsed(source: str) -> dict[str, Any]:
    if len(source) > CHARACTERS_MAX:
        raise PostingRuleInvalid("document", f"is longer than {CHARACTERS_MAX} characters")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(source, yaml.CSafeLoader)):
            # Aliases of aliases unfold to any size: a page of text would fill the memory.
            raise PostingRuleInvalid("document", "uses an alias")
        data = yaml.load(source, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise PostingRuleInvalid("document", f"is no YAML: {error}") from None
    if not isinstance(data, dict):
        raise PostingRuleInvalid("document", "is not a mapping")
    return data


def proved_rules(data: Mapping[str, Any]) -> RuleSet:
    """Proves and tests a parsed rule set. Raises PostingRuleInvalid naming the rule."""
    rules = _rule_set(parse_document(data))
    prove(rules)
    for rule in rules.rules:
        _run_tests(rule, rules)
    untested = untested_roles(rules)
    if untested:
        raise PostingRuleInvalid(rules.name, f"no test names {', '.join(untested)}")
    return rules


def _rule_set(document: RuleDocument) -> RuleSet:
    entities = {name: Entity(entry.currency) for name, entry in document.entities.items()}
    return RuleSet(
        name=document.rule_set,
        version=document.version,
        effective_from=document.effective_from,
        event_types={name: _event_type(name, entry) for name, entry in document.events.items()},
        rules=tuple(_rule(entry) for entry in document.rules),
        roles={
            name: Role(name, entry.family, entry.clears, entry.item)
            for name, entry in document.roles.items()
        },
        policies={
            name: _policy(Policy(name, tuple(entry.values), entry.default, entry.entities))
            for name, entry in document.policies.items()
        },
        entities=entities or {ANY_ENTITY: Entity()},
    )


def _policy(policy: Policy) -> Policy:
    for value in (policy.default, *policy.by_entity.values()):
        if value not in policy.values:
            raise PostingRuleInvalid(f"policy {policy.name}", f"{value} is none of its values")
    return policy


def _event_type(name: str, entry: EventEntry) -> EventType:
    facts = parse_facts(entry.facts, name)
    stamped = parse_facts(entry.stamped, name)
    if set(facts) & set(stamped):
        raise PostingRuleInvalid(name, "a stamped fact is declared as one from outside, too")
    stamps = [move.stamped_as for move in entry.cost if move.stamped_as]
    if len(set(stamps)) != len(stamps):
        raise PostingRuleInvalid(name, "two cost moves stamp the same list")
    for move in entry.cost:
        if move.each not in facts or facts[move.each].kind != "list":
            raise PostingRuleInvalid(name, f"cost move {move.move}: {move.each} is not a list")
        if move.stamped_as and move.stamped_as not in stamped:
            raise PostingRuleInvalid(name, f"cost move {move.move}: {move.stamped_as} is unknown")
    return EventType(
        name=name,
        title=entry.title,
        facts=facts,
        stamped=stamped,
        cost=tuple(CostMove(move.move, move.each, move.stamped_as) for move in entry.cost),
        require=tuple(entry.require),
        classify=_classification(name, entry, facts),
        reverses=entry.reverses,
    )


def _classification(
    name: str, entry: EventEntry, facts: Mapping[str, FactType]
) -> Classification | None:
    found = entry.classify
    if found is None:
        return None
    kind = facts.get(found.fact)
    if kind is None or kind.kind != "enum" or any(x not in facts for x in found.by):
        raise PostingRuleInvalid(name, "classifies what is not declared")
    for row in found.rows:
        if len(row) != len(found.by) + 1 or row[-1] not in kind.values:
            raise PostingRuleInvalid(name, f"classification {row} does not fit")
    rows = tuple((tuple(row[:-1]), row[-1]) for row in found.rows)
    return Classification(found.fact, tuple(found.by), rows)


def _rule(entry: RuleEntry) -> PostingRule:
    return PostingRule(
        id=entry.id,
        event_type=entry.event,
        title=entry.title,
        lines=tuple(_line(entry.id, line) for line in entry.lines),
        when=Expression(entry.when) if entry.when else None,
        books=(entry.book,) if isinstance(entry.book, str) else tuple(entry.book),
        purpose=entry.purpose,
        entity=entry.entity,
        rounding=Rounding(entry.rounding.per_source_line, entry.rounding.total),
        free_form=entry.free_form,
        tests=tuple(RuleTest(test.name, test.facts, test.expect) for test in entry.tests),
    )


def _line(rule_id: str, line: LineEntry) -> RuleLine:
    if bool(line.dr) == bool(line.cr):
        raise PostingRuleInvalid(rule_id, f"line {line.id} needs either dr or cr")
    return RuleLine(
        id=line.id,
        side=Side.DEBIT if line.dr else Side.CREDIT,
        role=line.dr or line.cr,
        amount=Expression(str(line.amount)),
        each=line.each,
        dimensions=tuple(line.dims),
        tags=line.tags,
        when=Expression(line.when) if line.when else None,
        currency=line.currency,
        functional_only=line.functional_only,
        order_rate=line.order_rate,
        role_fact=line.role_fact,
    )


def _run_tests(rule: PostingRule, rules: RuleSet) -> None:
    policies = {name: policy.default for name, policy in rules.policies.items()}
    for test in rule.tests:
        chosen = {name: x for name, x in test.facts.items() if name in policies}
        given = {name: x for name, x in test.facts.items() if name not in policies}
        declared = rules.event_types[rule.event_type]
        unknown = sorted(set(given) - set(declared.known))
        if unknown:
            raise PostingRuleInvalid(rule.id, f"test {test.name}: {unknown} is not declared")
        facts = {**policies, **chosen, **filled_facts(declared, given)}
        if not rule.applies(facts):
            raise PostingRuleInvalid(rule.id, f"test {test.name}: the condition does not hold")
        found: dict[str, int] = {}
        for line in evaluated_lines(rule, facts):
            found[line.role] = found.get(line.role, 0) + line.functional * line.side.sign
        found = {role: amount for role, amount in found.items() if amount}
        if found != {role: amount for role, amount in test.expect.items() if amount}:
            raise PostingRuleInvalid(rule.id, f"test {test.name}: made {found}")
