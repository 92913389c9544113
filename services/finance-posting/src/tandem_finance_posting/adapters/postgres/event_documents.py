"""Finance events as JSON documents, so that a held one can be posted later as it came."""

from __future__ import annotations

from pydantic import TypeAdapter

from tandem_finance_posting.domain.finance_event import FinanceEvent

_EVENT = TypeAdapter(FinanceEvent)


def to_document(event: FinanceEvent) -> str:
    """The event as JSON text."""
    return _EVENT.dump_json(event).decode()


def from_document(document: str) -> FinanceEvent:
    """The event of a row. Raises pydantic.ValidationError for one this code cannot read."""
    return _EVENT.validate_json(document)
