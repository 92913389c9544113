"""What an event type declares about its facts: a rule may only name what is declared.

Written as ``money``, ``signed``, ``quantity``, ``text``, ``date``, ``enum(a,b)``; a trailing ``?``
makes it optional (0, or empty), ``enum(a,b)=a`` gives a default; a list of records is ``[{...}]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tandem_finance_posting.domain.errors import FinanceFactInvalid, PostingRuleInvalid

AMOUNT_MINOR_MAX = 10**15
"""Of one amount: sums of very many still fit into 64 bits."""
QUANTITY_MAX = 10**12
RECORDS_MAX = 10_000
"""Records of one list."""
TEXT_CHARACTERS_MAX = 1_000

_SCALARS = ("money", "signed", "quantity", "text", "date")
_ENUM = re.compile(r"enum\(([A-Za-z0-9_, -]+)\)(?:=([A-Za-z0-9_-]+))?$")


@dataclass(frozen=True)
class FactType:
    """One declared fact: a scalar, an enumeration, or a list of records."""

    kind: str
    optional: bool = False
    values: tuple[str, ...] = ()
    default: str = ""
    record: Mapping[str, FactType] = field(default_factory=dict)

    @property
    def is_number(self) -> bool:
        """True for amounts and quantities."""
        return self.kind in ("money", "signed", "quantity")

    def absent(self, path: str) -> Any:
        """The value of a fact that is not given. Raises FinanceFactInvalid for a required one."""
        if self.kind == "enum" and self.default:
            return self.default
        if not self.optional:
            raise FinanceFactInvalid(path)
        if self.kind == "list":
            return []
        return 0 if self.is_number else ""

    def checked(self, value: Any, path: str) -> Any:
        """The value with its defaults. Raises FinanceFactInvalid naming the fact."""
        if self.kind == "list":
            return self._checked_list(value, path)
        if not self._holds(value):
            raise FinanceFactInvalid(path)
        return value

    def _checked_list(self, value: Any, path: str) -> list[dict[str, Any]]:
        if not isinstance(value, (list, tuple)) or len(value) > RECORDS_MAX:
            raise FinanceFactInvalid(path)
        return [checked_facts(item, self.record, f"{path}.") for item in value]

    def _holds(self, value: Any) -> bool:
        match self.kind:
            case "money":
                return type(value) is int and 0 <= value <= AMOUNT_MINOR_MAX
            case "signed":
                return type(value) is int and abs(value) <= AMOUNT_MINOR_MAX
            case "quantity":
                return type(value) is int and (0 if self.optional else 1) <= value <= QUANTITY_MAX
            case "enum":
                return value in self.values
            case "date":
                return isinstance(value, str) and _is_day(value)
        return isinstance(value, str) and len(value) <= TEXT_CHARACTERS_MAX


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def checked_facts(
    given: object, declared: Mapping[str, FactType], prefix: str = ""
) -> dict[str, Any]:
    """Facts with defaults. Raises FinanceFactInvalid for one that is missing, of another type,
    negative where it may not be, or not declared."""
    if not isinstance(given, Mapping):
        raise FinanceFactInvalid(prefix.rstrip(".") or "facts")
    for name in given:
        if name not in declared:
            raise FinanceFactInvalid(f"{prefix}{name}")
    return {
        name: kind.checked(given[name], f"{prefix}{name}")
        if name in given
        else kind.absent(f"{prefix}{name}")
        for name, kind in declared.items()
    }


def parse_facts(source: object, owner: str) -> dict[str, FactType]:
    """Declared facts. Raises PostingRuleInvalid naming the owner and the fact."""
    if not isinstance(source, Mapping):
        raise PostingRuleInvalid(owner, "facts are not a mapping")
    return {str(name): parse_fact(kind, f"{owner}: {name}") for name, kind in source.items()}


def parse_fact(source: object, owner: str) -> FactType:
    """One declared fact. Raises PostingRuleInvalid."""
    if isinstance(source, Sequence) and not isinstance(source, str):
        if len(source) != 1:
            raise PostingRuleInvalid(owner, "a list declares one record")
        return FactType("list", optional=True, record=parse_facts(source[0], owner))
    written = str(source)
    optional, name = written.endswith("?"), written.removesuffix("?")
    if name in _SCALARS:
        return FactType(name, optional)
    found = _ENUM.match(name)
    if found is None:
        raise PostingRuleInvalid(owner, f"{written} is no type of a fact")
    values = tuple(value.strip() for value in found[1].split(","))
    if found[2] and found[2] not in values:
        raise PostingRuleInvalid(owner, f"{found[2]} is none of {', '.join(values)}")
    return FactType("enum", optional, values, found[2] or "")
