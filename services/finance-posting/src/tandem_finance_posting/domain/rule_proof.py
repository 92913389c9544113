"""What is proved of a rule set before it may post: balance in every branch, no gap, no overlap.

Conditions name enumerated facts and policies only, so every branch can be enumerated. Amounts are
linear in the facts, so debits less credits of a branch can be normalised; what is left over is the
proof that the rule is wrong. A list whose records take different branches (a return of restocked
and scrapped units) is split into classes of records, each with its own sums.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from tandem_finance_posting.domain.errors import PostingRuleInvalid
from tandem_finance_posting.domain.event_type import EventType
from tandem_finance_posting.domain.expression import Expression, Facts, Linear, linear, plus
from tandem_finance_posting.domain.fact_types import FactType
from tandem_finance_posting.domain.posting_rule import PostingRule, RuleLine
from tandem_finance_posting.domain.rule_set import Policy, RuleSet

BRANCHES_MAX = 4_096
"""Branches of one rule or event type."""
ANY_ROLE = "*"
"""Written where a fact names the role."""
Branch = dict[str, str]


def prove(rules: RuleSet) -> None:
    """Raises PostingRuleInvalid naming the rule, the line and what is wrong."""
    for rule in rules.rules:
        declared = rules.event_types.get(rule.event_type)
        if declared is None:
            raise PostingRuleInvalid(rule.id, f"event type {rule.event_type} is not declared")
        _RuleProof(rule, declared, rules).run()
    for name, slots in rules.by_slot.items():
        for (book, purpose), found in slots.items():
            _prove_coverage(rules, name, found, f"{name} in {book} as {purpose}")


def _prove_coverage(
    rules: RuleSet, event_type: str, found: Sequence[PostingRule], where: str
) -> None:
    kinds = _enumerated(rules.event_types[event_type].known, rules.policies)
    conditions = [rule.when for rule in found if rule.when is not None]
    for branch in _branches(conditions, kinds, where):
        matching = [rule.id for rule in found if rule.applies(branch)]
        if len(matching) > 1:
            raise PostingRuleInvalid(", ".join(matching), f"overlap on {where} when {branch}")
        if not matching:
            raise PostingRuleInvalid(found[0].id, f"gap: no rule for {where} when {branch}")


def _enumerated(
    facts: Mapping[str, FactType], policies: Mapping[str, Policy]
) -> dict[str, tuple[str, ...]]:
    kinds = {name: kind.values for name, kind in facts.items() if kind.kind == "enum"}
    return kinds | {name: policy.values for name, policy in policies.items()}


def _branches(
    conditions: Iterable[Expression], kinds: Mapping[str, tuple[str, ...]], where: str
) -> Iterator[Branch]:
    """Every assignment of the enumerated names the conditions use."""
    names = sorted({name for condition in conditions for name in condition.names})
    for name in names:
        if name not in kinds:
            raise PostingRuleInvalid(where, f"{name} is not an enumerated fact or a policy")
    for condition in conditions:
        _check_constants(condition, kinds, where)
    count = 1
    for name in names:
        count *= len(kinds[name])
    if count > BRANCHES_MAX:
        raise PostingRuleInvalid(where, f"{count} branches cannot be proved")
    for values in product(*(kinds[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def _check_constants(
    condition: Expression, kinds: Mapping[str, tuple[str, ...]], where: str
) -> None:
    """A misspelt value would make a branch that never happens."""
    for node in ast.walk(condition.tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        names = [x.id for x in sides if isinstance(x, ast.Name)]
        texts = [x.value for x in sides if isinstance(x, ast.Constant)]
        if len(names) != 1 or len(texts) != 1 or texts[0] not in kinds[names[0]]:
            raise PostingRuleInvalid(where, f"{ast.unparse(node)} compares no value of a fact")


@dataclass(frozen=True)
class _RuleProof:
    rule: PostingRule
    declared: EventType
    rules: RuleSet

    def run(self) -> None:
        rule = self.rule
        if not rule.tests:
            raise PostingRuleInvalid(rule.id, "has no test")
        ids = [line.id for line in rule.lines]
        if len(set(ids)) != len(ids):
            raise PostingRuleInvalid(rule.id, "two lines have the same id")
        if rule.entity and self._kind(rule.entity, "") != "text":
            raise PostingRuleInvalid(rule.id, f"{rule.entity} is not a text fact")
        for line in rule.lines:
            self._check_line(line)
        if not rule.free_form:
            self._prove_balance()

    def _check_line(self, line: RuleLine) -> None:
        if line.role_fact and not (self.rule.free_form and line.each):
            self._refuse(line, "takes its role from a fact outside a free-form rule")
        if line.role_fact and line.role != ANY_ROLE:
            self._refuse(line, f"takes its role from {line.role_fact} and names one, too")
        if not line.role_fact and line.role not in self.rules.roles:
            self._refuse(line, f"role {line.role} is not known")
        if line.each and self._kind(line.each, "") != "list":
            self._refuse(line, f"{line.each} is not a list of facts")
        if line.currency and self._kind(line.currency, line.each) != "text":
            self._refuse(line, f"{line.currency} is not a text fact")
        for name in sorted(line.amount.names):
            if self._kind(name, line.each) not in ("money", "signed", "quantity"):
                self._refuse(line, f"{name} is not a declared amount")
        for name in line.dimensions:
            if self._kind(name, line.each) is None and name not in self.rules.policies:
                self._refuse(line, f"dimension {name} is not a declared fact")

    def _refuse(self, line: RuleLine, detail: str) -> None:
        raise PostingRuleInvalid(self.rule.id, f"line {line.id}: {detail}")

    def _kind(self, name: str, each: str) -> str | None:
        """Type of a fact as a line sees it: its record first, then the event."""
        head, _, field = name.partition(".")
        known = self.declared.known
        if field:
            found = known[head].record.get(field) if head in known else None
        else:
            record = known[each].record if each in known else {}
            found = record.get(name) or known.get(name)
        return found.kind if found else None

    def _prove_balance(self) -> None:
        guards = [line.when for line in self.rule.lines if line.when and not _positive(line)]
        of_event = _enumerated(self.declared.known, self.rules.policies)
        of_record = {
            name: kind.values
            for line in self.rule.lines
            if line.each
            for name, kind in self.declared.known[line.each].record.items()
            if kind.kind == "enum"
        }
        kinds = {**of_record, **of_event}
        used = [name for guard in guards for name in guard.names]
        events = sorted({name for name in used if name in of_event})
        list(_branches(guards, kinds, self.rule.id))
        for values in product(*(of_event[name] for name in events)):
            branch = dict(zip(events, values, strict=True))
            for group in sorted({_money_of(line) for line in self.rule.lines}):
                left = self._difference(branch, group)
                if left:
                    raise PostingRuleInvalid(
                        self.rule.id, f"debits less credits leave {left} when {branch}"
                    )

    def _difference(self, branch: Branch, group: tuple[str, bool]) -> Linear:
        total: Linear = {}
        for line in self.rule.lines:
            if _money_of(line) != group:
                continue
            terms = self._terms(line, branch)
            total = plus(total, {name: x * line.side.sign for name, x in terms.items()})
        return total

    def _terms(self, line: RuleLine, branch: Branch) -> Linear:
        """The line's amount; atoms of a list are split into its classes of records."""
        terms = linear(line.amount, line.each)
        split: Linear = {}
        for name, factor in terms.items():
            owner = line.each or name.partition(".")[0]
            guard = None if _positive(line) else line.when
            for record in self._classes(owner):
                if guard is None or guard.holds({**branch, **record}):
                    split = plus(split, {_atom(name, record): factor})
        return split

    def _classes(self, owner: str) -> list[Branch]:
        """Classes of a list's records: values of the enumerated fields that guards look at."""
        kind = self.declared.known.get(owner)
        if kind is None or kind.kind != "list":
            return [{}]
        looked_at = {
            name
            for line in self.rule.lines
            if line.each == owner and line.when and not _positive(line)
            for name in line.when.names
        }
        names = sorted(looked_at & {n for n, k in kind.record.items() if k.kind == "enum"})
        values = product(*(kind.record[name].values for name in names))
        return [dict(zip(names, value, strict=True)) for value in values]


def _money_of(line: RuleLine) -> tuple[str, bool]:
    """What a line's amount is counted in; each kind of money balances by itself."""
    return line.currency, line.functional_only


def _atom(name: str, record: Branch) -> str:
    return f"{name}|{','.join(f'{k}={v}' for k, v in sorted(record.items()))}" if record else name


def _positive(line: RuleLine) -> bool:
    """``x > 0`` on the amount x: lines of 0 are not written anyway, so nothing changes."""
    return line.when is not None and line.when.text.replace(" ", "") == (
        line.amount.text.replace(" ", "") + ">0"
    )


def untested_roles(rules: RuleSet) -> list[str]:
    """Roles of lines that no test of their rule names: a swapped role would go unnoticed."""
    return sorted(
        f"{rule.id}: {line.role}"
        for rule in rules.rules
        for line in rule.lines
        if not line.role_fact and not any(line.role in test.expect for test in rule.tests)
    )


def filled_facts(declared: EventType, given: Facts) -> Facts:
    """A test's facts with everything it leaves out at nothing: 0, empty, the default."""
    return {name: _nothing_or(kind, given.get(name)) for name, kind in declared.known.items()}


def _nothing_or(kind: FactType, given: Any) -> Any:
    if kind.kind == "list":
        records = given if isinstance(given, Sequence) else []
        return [
            {name: _nothing_or(field, record.get(name)) for name, field in kind.record.items()}
            for record in records
            if isinstance(record, Mapping)
        ]
    if given is not None:
        return given
    if kind.kind == "enum":
        return kind.default or kind.values[0]
    return 0 if kind.is_number else ""
