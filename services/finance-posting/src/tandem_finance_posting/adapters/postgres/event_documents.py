"""Finance events as JSON documents, so that a held one can be posted later as it came."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from tandem_finance_posting.domain.finance_event import FinanceEvent

_EVENT = TypeAdapter(FinanceEvent)


def to_document(event: FinanceEvent) -> dict[str, Any]:
    """The event as a JSON document."""
    document: dict[str, Any] = _EVENT.dump_python(event, mode="json")
    return document


def from_document(document: str) -> FinanceEvent:
    """The event of a row. Raises pydantic.ValidationError for one this code cannot read."""
    return _EVENT.validate_json(document)
