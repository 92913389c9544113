"""Finds the rules that match a pair of names without looking at the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Generic, Protocol, TypeVar

ALL = ""


class Rule(Protocol):
    """Anything with a window of effect."""

    def in_effect(self, now: datetime) -> bool:
        """True when it is effective."""
        ...


R = TypeVar("R", bound=Rule)


class RuleIndex(Generic[R]):
    """Rules by two names, each of which may be empty for all.

    A look-up reads four short lists, so thousands of rules for single SKUs cost others nothing.
    """

    def __init__(self, rules: Iterable[R], names: Callable[[R], tuple[str, str]]) -> None:
        self._rules: dict[tuple[str, str], list[R]] = {}
        for rule in rules:
            self._rules.setdefault(names(rule), []).append(rule)

    def matching(self, first: str, second: str, now: datetime) -> list[R]:
        """Effective rules, the most specific last; the first name outweighs the second."""
        if not self._rules:
            return []
        names = ((ALL, ALL), (ALL, second), (first, ALL), (first, second))
        # An empty name asks for the rules of all, once.
        return [
            rule
            for pair in dict.fromkeys(names)
            for rule in self._rules.get(pair, ())
            if rule.in_effect(now)
        ]
