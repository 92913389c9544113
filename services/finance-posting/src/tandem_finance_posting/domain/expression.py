"""The language of posting rules: total, exact, and small enough to be proved.

Whole numbers, names of facts, ``+ - *``, ``sum(list.field)``, ``min``, ``max``; conditions with
comparisons, ``and``, ``or``, ``not`` and text constants. No loops, no time, no fractions. Parsed by
Python's own parser against a white list.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tandem_finance_posting.domain.errors import FinanceFactInvalid, PostingRuleInvalid

Scalar = int | str
Facts = Mapping[str, Scalar | Sequence[Mapping[str, Scalar]]]
Value = Callable[[Facts], int | str | bool]
Number = Callable[[Facts], int]
CHARACTERS_MAX = 500

_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub, ast.Mult, ast.USub, ast.Not,
    ast.Name, ast.Load, ast.Constant, ast.Call, ast.Attribute,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.BoolOp, ast.And, ast.Or,
)  # fmt: skip
_FUNCTIONS = ("sum", "min", "max")


@dataclass(frozen=True)
class Expression:
    """A parsed expression; ``text`` is what the rule's author wrote."""

    text: str

    @cached_property
    def tree(self) -> ast.expr:
        """The checked syntax tree. Raises PostingRuleInvalid."""
        if len(self.text) > CHARACTERS_MAX:
            raise PostingRuleInvalid(self.text[:40], "the expression is too long")
        try:
            tree = ast.parse(self.text, mode="eval")
        except SyntaxError as error:
            raise PostingRuleInvalid(self.text, f"cannot be parsed: {error.msg}") from None
        for node in ast.walk(tree):
            _check(node, self.text)
        _check_attributes(tree, self.text)
        return tree.body

    @cached_property
    def names(self) -> frozenset[str]:
        """Facts it needs: ``name`` for scalars, ``list.field`` for sums."""
        return frozenset(_names(self.tree))

    def amount(self, facts: Facts) -> int:
        """Its value in minor units. Raises FinanceFactInvalid naming a missing fact."""
        value = self._value(facts)
        if type(value) is not int:
            raise FinanceFactInvalid(self.text)
        return value

    def holds(self, facts: Facts) -> bool:
        """Its truth. Raises FinanceFactInvalid naming a missing fact."""
        return bool(self._value(facts))

    @cached_property
    def _value(self) -> Value:
        return _compiled(self.tree)


def _check(node: ast.AST, text: str) -> None:
    if not isinstance(node, _NODES):
        raise PostingRuleInvalid(text, f"{type(node).__name__} is not part of the language")
    if isinstance(node, ast.Constant) and type(node.value) not in (int, str):
        raise PostingRuleInvalid(text, f"{node.value!r} is neither a whole number nor a text")
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS or node.keywords:
            raise PostingRuleInvalid(text, f"{name or 'this'} is not a function of the language")
        if name == "sum" and not (len(node.args) == 1 and isinstance(node.args[0], ast.Attribute)):
            raise PostingRuleInvalid(text, "sum takes one list.field")


def _check_attributes(tree: ast.AST, text: str) -> None:
    """``list.field`` stands in ``sum`` only; anywhere else it would fail at the first event."""
    summed = {
        id(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sum"
    }
    for node in ast.walk(tree):
        stray = id(node) not in summed or not isinstance(getattr(node, "value", None), ast.Name)
        if isinstance(node, ast.Attribute) and stray:
            raise PostingRuleInvalid(text, "list.field stands in sum only")


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Attribute):
        return {_dotted(node)}
    if isinstance(node, ast.Name):
        return {node.id}
    children = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    return {name for child in children for name in _names(child)}


def _dotted(node: ast.Attribute) -> str:
    assert isinstance(node.value, ast.Name), "the white list admits list.field only"
    return f"{node.value.id}.{node.attr}"


# An expression becomes functions of the facts once, when it is first used: walking its syntax tree
# for every line of every event took most of the time of posting.


def _compiled(node: ast.AST) -> Value:
    match node:
        case ast.Constant(value=value):
            return lambda _: value  # type: ignore[return-value]  # checked to be int or str
        case ast.Name(id=name):
            return _named(name)
        case ast.BinOp():
            return _arithmetic(node)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            negated = _number(operand)
            return lambda facts: -negated(facts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            denied = _compiled(operand)
            return lambda facts: not denied(facts)
        case ast.BoolOp(op=op, values=values):
            return _joined(op, [_compiled(value) for value in values])
        case ast.Compare():
            return _compared(node)
        case ast.Call(func=ast.Name(id="sum"), args=[ast.Attribute() as field]):
            return _summed(field)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _extreme(min if name == "min" else max, [_number(x) for x in arguments])
    raise FinanceFactInvalid(ast.unparse(node))


def _named(name: str) -> Value:
    def value(facts: Facts) -> int | str | bool:
        found = facts.get(name)
        if type(found) not in (int, str):
            raise FinanceFactInvalid(name)
        return found  # type: ignore[return-value]  # narrowed by the line above

    return value


def _number(node: ast.AST) -> Number:
    inner, written = _compiled(node), ast.unparse(node)

    def number(facts: Facts) -> int:
        found = inner(facts)
        if type(found) is not int:
            raise FinanceFactInvalid(written)
        return found

    return number


def _arithmetic(node: ast.BinOp) -> Value:
    left, right = _number(node.left), _number(node.right)
    if isinstance(node.op, ast.Add):
        return lambda facts: left(facts) + right(facts)
    if isinstance(node.op, ast.Sub):
        return lambda facts: left(facts) - right(facts)
    return lambda facts: left(facts) * right(facts)


def _joined(op: ast.boolop, parts: Sequence[Value]) -> Value:
    if isinstance(op, ast.And):
        return lambda facts: all(part(facts) for part in parts)
    return lambda facts: any(part(facts) for part in parts)


def _extreme(choose: Callable[[list[int]], int], numbers: Sequence[Number]) -> Value:
    return lambda facts: choose([number(facts) for number in numbers])


def _summed(field: ast.Attribute) -> Value:
    name, key = _dotted(field), field.attr
    head = name.partition(".")[0]

    def total(facts: Facts) -> int:
        items = facts.get(head)
        if not isinstance(items, (list, tuple)):
            raise FinanceFactInvalid(name)
        found = 0
        for item in items:
            value = item.get(key) if isinstance(item, Mapping) else None
            if type(value) is not int:
                raise FinanceFactInvalid(name)
            found += value
        return found

    return total


def _compared(node: ast.Compare) -> Value:
    sides = [_compiled(side) for side in (node.left, *node.comparators)]
    relations, written = list(zip(node.ops, sides[1:], strict=True)), ast.unparse(node)

    def holds(facts: Facts) -> bool:
        left = sides[0](facts)
        for op, side in relations:
            right = side(facts)
            if type(left) is not type(right):
                raise FinanceFactInvalid(written)
            if not _relation(op, left, right):
                return False
            left = right
        return True

    return holds


def _relation(op: ast.cmpop, left: int | str | bool, right: int | str | bool) -> bool:
    if isinstance(op, ast.Eq):
        return left == right
    if isinstance(op, ast.NotEq):
        return left != right
    low, high = (left, right) if isinstance(op, (ast.Lt, ast.LtE)) else (right, left)
    strict = isinstance(op, (ast.Lt, ast.Gt))
    return low < high if strict else low <= high  # type: ignore[operator]  # same type, see caller


Linear = dict[str, int]


def linear(expression: Expression, each: str = "") -> Linear:
    """The expression as a sum of facts with whole factors; "" is the constant.

    Under ``each`` a bare name stands for the sum of that field over the list. ``min`` and ``max``
    are atoms of their own: equal text cancels out, anything else does not. Raises
    PostingRuleInvalid for a product of facts.
    """
    return {k: v for k, v in _linear(expression.tree, each, expression.text).items() if v}


def _linear(node: ast.AST, each: str, text: str) -> Linear:
    match node:
        case ast.Constant(value=int() as value):
            return {f"{each}#count" if each else "": value}
        case ast.Name(id=name):
            return {f"{each}.{name}" if each else name: 1}
        case ast.Call(func=ast.Name(id="sum"), args=[ast.Attribute() as field]):
            if each:
                raise PostingRuleInvalid(text, f"adds a whole list once for every record of {each}")
            return {_dotted(field): 1}
        case ast.Call():
            return {f"{each}:{ast.unparse(node)}" if each else ast.unparse(node): 1}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _scaled(_linear(operand, each, text), -1)
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            return _product(left, right, each, text)
        case ast.BinOp(op=op, left=left, right=right):
            sign = 1 if isinstance(op, ast.Add) else -1
            return plus(_linear(left, each, text), _scaled(_linear(right, each, text), sign))
    raise PostingRuleInvalid(text, "is not an amount")


def _product(left: ast.AST, right: ast.AST, each: str, text: str) -> Linear:
    for factor, other in ((left, right), (right, left)):
        if isinstance(factor, ast.Constant) and isinstance(factor.value, int):
            return _scaled(_linear(other, each, text), factor.value)
    raise PostingRuleInvalid(text, "multiplies two facts, so its balance cannot be proved")


def _scaled(terms: Linear, factor: int) -> Linear:
    return {name: value * factor for name, value in terms.items()}


def plus(left: Linear, right: Linear) -> Linear:
    """The sum of two linear forms, without zero terms."""
    total = dict(left)
    for name, value in right.items():
        total[name] = total.get(name, 0) + value
    return {name: value for name, value in total.items() if value}
