"""Policy entries as JSON documents: columns of the window, and the rest as it is declared."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from tandem_inventory_availability.domain.policy_entries import (
    RULE_TYPES,
    PolicyEntry,
    PolicyKind,
)


@cache
def _adapter(kind: PolicyKind) -> TypeAdapter[Any]:
    return TypeAdapter(RULE_TYPES[kind])


def to_document(entry: PolicyEntry) -> dict[str, Any]:
    """What stands in the column `content`."""
    document: dict[str, Any] = _adapter(entry.kind).dump_python(entry.rule, mode="json")
    del document["window"]
    return document


def from_document(
    kind: str, entry_id: str, content: Mapping[str, Any], window: Mapping[str, Any]
) -> PolicyEntry:
    """The entry of a row. Raises ValidationError when the row is not what was written."""
    rule = _adapter(PolicyKind(kind)).validate_python({**content, "window": window})
    return PolicyEntry(entry_id, rule)
