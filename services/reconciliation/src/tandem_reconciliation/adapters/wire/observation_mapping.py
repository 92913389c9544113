"""Events of all services into observations: what each record says, for each checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import DecodeError, Message
from tandem.connector.v1 import events_pb2 as connector
from tandem.finance.v1 import events_pb2 as finance
from tandem.order.v1 import events_pb2 as order

from tandem_reconciliation.domain.errors import PayloadUnreadable, UnsupportedEnum
from tandem_reconciliation.domain.observation import Observation, Side

GOODS, BOOKS, PAYMENTS = "C1", "C3", "C5"


@dataclass(frozen=True)
class SourceEvent:
    """An event as it was delivered."""

    event_id: str
    event_type: str
    tenant: str
    occurred_at: datetime
    payload: bytes
    trace_id: str = ""

    @property
    def name(self) -> str:
        """The event's name without its package."""
        return self.event_type.rpartition(".")[2]

    def says(self, checkpoint: str, side: Side, key: str, **rest: Any) -> Observation:
        """An observation of this event; ``group`` is the key unless given."""
        values = {
            "group": key,
            "amount": 1,
            "currency_code": "",
            "order_id": "",
            "detail": self.name,
            **rest,
        }
        return Observation(
            tenant=self.tenant,
            checkpoint=checkpoint,
            side=side,
            key=key,
            occurred_at=self.occurred_at,
            trace_id=self.trace_id,
            **values,
        )


def observations_of(event: SourceEvent) -> list[Observation]:
    """What an event says; nothing for one no checkpoint looks at.

    Raises PayloadUnreadable, UnsupportedEnum.
    """
    known = _MAPPINGS.get(event.event_type)
    if known is None:
        return []
    message_type, mapping = known
    try:
        message = message_type.FromString(event.payload)
    except DecodeError as error:
        raise PayloadUnreadable(event.event_type) from error
    return list(mapping(message, event))


def _postable(event: SourceEvent, order_id: str) -> Observation:
    """The event must lead to exactly one journal."""
    return event.says(BOOKS, Side.LEFT, event.event_id, order_id=order_id)


def _released(message: order.FulfilmentReleased, event: SourceEvent) -> Iterable[Observation]:
    for item in message.fulfilments:
        for line in item.lines:
            yield event.says(
                GOODS,
                Side.LEFT,
                f"{item.id}/{line.line_ref}",
                group=f"{message.order_id}/{line.line_ref}",
                amount=line.quantity,
                order_id=message.order_id,
                detail=f"{line.quantity} released at {item.location}",
            )


def _cancelled(message: order.OrderCancelled, event: SourceEvent) -> Iterable[Observation]:
    for line in message.lines:
        yield event.says(
            GOODS,
            Side.LEFT,
            f"{event.event_id}/{line.line_ref}",
            group=f"{message.order_id}/{line.line_ref}",
            amount=-line.quantity,
            order_id=message.order_id,
            detail=f"{line.quantity} cancelled",
        )
    if message.refund_amount.minor_units:
        yield _postable(event, message.order_id)


def _shipped(message: order.FulfilmentShipped, event: SourceEvent) -> Iterable[Observation]:
    for line in message.lines:
        yield event.says(
            GOODS,
            Side.RIGHT,
            f"{message.shipment_ref}/{message.order_id}/{line.line_ref}",
            group=f"{message.order_id}/{line.line_ref}",
            amount=line.quantity,
            order_id=message.order_id,
            detail=f"{line.quantity} shipped by {message.shipment_ref}",
        )
    yield _postable(event, message.order_id)


def _captured(message: order.PaymentCaptured, event: SourceEvent) -> Iterable[Observation]:
    yield event.says(
        PAYMENTS,
        Side.LEFT,
        message.provider_ref,
        amount=message.amount.minor_units,
        currency_code=message.amount.currency_code,
        order_id=message.order_id,
        detail=f"captured for order {message.order_id}",
    )
    yield _postable(event, message.order_id)


def _refunded(message: order.RefundSettled, event: SourceEvent) -> Iterable[Observation]:
    yield event.says(
        PAYMENTS,
        Side.LEFT,
        message.provider_ref,
        amount=-message.amount.minor_units,
        currency_code=message.amount.currency_code,
        order_id=message.order_id,
        detail=f"refunded for order {message.order_id}",
    )
    yield _postable(event, message.order_id)


def _sold(message: order.SaleCompleted, event: SourceEvent) -> Iterable[Observation]:
    yield _postable(event, message.order_id)


def _returned(message: order.ReturnApproved, event: SourceEvent) -> Iterable[Observation]:
    yield _postable(event, message.order_id)


def _received(message: connector.GoodsReceived, event: SourceEvent) -> Iterable[Observation]:
    yield _postable(event, "")


def _posted(message: finance.JournalPosted, event: SourceEvent) -> Iterable[Observation]:
    journal = message.journal
    if journal.purpose != "primary" or journal.event_type == "deposit.applied":
        return
    yield event.says(
        BOOKS,
        Side.RIGHT,
        journal.id,
        group=message.source_event_id or journal.event_key,
        order_id=journal.order_id,
        detail=f"journal {journal.sequence} by {journal.rule_id}",
    )


_SIGNS = {connector.PAYMENT_ACTION_CAPTURE: 1, connector.PAYMENT_ACTION_REFUND: -1}


def _provider(
    message: connector.ProviderTransactionReported, event: SourceEvent
) -> Iterable[Observation]:
    if message.action not in _SIGNS:
        raise UnsupportedEnum("action", message.action)
    connection = message.provenance.connection_id
    merchant = message.merchant_ref or "no reference of ours"
    yield event.says(
        PAYMENTS,
        Side.RIGHT,
        message.provider_ref,
        amount=message.amount.minor_units * _SIGNS[message.action],
        currency_code=message.amount.currency_code,
        detail=f"{connection} has it with {merchant}",
    )


_Mapping = tuple[type[Message], Callable[[Any, SourceEvent], Iterable[Observation]]]
_MAPPINGS: Mapping[str, _Mapping] = {
    message.DESCRIPTOR.full_name: (message, mapping)
    for message, mapping in (
        (order.FulfilmentReleased, _released),
        (order.OrderCancelled, _cancelled),
        (order.FulfilmentShipped, _shipped),
        (order.PaymentCaptured, _captured),
        (order.RefundSettled, _refunded),
        (order.SaleCompleted, _sold),
        (order.ReturnApproved, _returned),
        (connector.GoodsReceived, _received),
        (finance.JournalPosted, _posted),
        (connector.ProviderTransactionReported, _provider),
    )
}
