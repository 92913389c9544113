"""Orders as JSON documents: an order is always read and written whole."""

from __future__ import annotations

from pydantic import TypeAdapter

from tandem_order_orchestrator.domain.order import Order

_ORDER = TypeAdapter(Order)


def to_document(order: Order) -> str:
    """The order as JSON text."""
    return _ORDER.dump_json(order).decode()


def from_document(document: str) -> Order:
    """The order of a row. Raises pydantic.ValidationError for a document this code cannot read."""
    return _ORDER.validate_json(document)
