"""Finance events as JSON documents, so that a held one can be posted later as it came."""

from __future__ import annotations

import json
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
    return _EVENT.validate_python(_with_moves_in_facts(json.loads(document)))


def _with_moves_in_facts(document: dict[str, Any]) -> dict[str, Any]:
    """Events held by the first version kept what moves cost beside the facts, in the order of the
    lines: unless it is put back among them, such an event would be posted without its cost."""
    facts = document["facts"]
    for place, issue in enumerate(document.pop("issues", ())):
        facts["lines"][place] |= {"line_ref": issue["line_ref"], "quantity": issue["quantity"]}
    returns = document.pop("returns", ())
    if returns:
        facts["goods"] = list(returns)
        facts.pop("returned_costs", None)
    for place, receipt in enumerate(document.pop("receipts", ())):
        facts["receipts"][place] |= {"quantity": receipt["quantity"]}
    return document
