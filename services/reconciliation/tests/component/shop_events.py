"""One order as three services tell it: shipped and paid, posted, listed by the provider."""

from __future__ import annotations

from tandem.common.v1.money_pb2 import Money
from tandem.connector.v1 import events_pb2 as connector
from tandem.finance.v1 import events_pb2 as finance
from tandem.finance.v1.journal_pb2 import Journal
from tandem.order.v1 import events_pb2 as order
from tandem.order.v1 import order_pb2


def usd(minor: int) -> Money:
    return Money(currency_code="USD", minor_units=minor)


def released(order_id: str) -> order.FulfilmentReleased:
    line = order_pb2.FulfilmentLine(line_ref="1", quantity=2)
    fulfilment = order_pb2.Fulfilment(id=f"f-{order_id}", location="DC", lines=[line])
    return order.FulfilmentReleased(order_id=order_id, fulfilments=[fulfilment])


def shipped(order_id: str) -> order.FulfilmentShipped:
    line = order.ShippedLine(line_ref="1", sku="A", quantity=2)
    return order.FulfilmentShipped(order_id=order_id, shipment_ref="S", location="DC", lines=[line])


def captured(order_id: str) -> order.PaymentCaptured:
    return order.PaymentCaptured(order_id=order_id, amount=usd(500), provider_ref=f"cap-{order_id}")


def listed(
    order_id: str, action: int = connector.PAYMENT_ACTION_CAPTURE
) -> connector.ProviderTransactionReported:
    return connector.ProviderTransactionReported(
        provider_ref=f"cap-{order_id}", action=action, amount=usd(500)  # type: ignore[arg-type]  # also values nobody knows
    )  # fmt: skip


def posted(journal_id: str, source_event_id: str) -> finance.JournalPosted:
    journal = Journal(id=journal_id, event_type="x", purpose="primary")
    return finance.JournalPosted(journal=journal, source_event_id=source_event_id)


OBSERVATIONS = 8
"""Of one order: 2 of goods, 2 postable events, 2 journals, 2 of the payment."""
