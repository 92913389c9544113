"""Events of orders and connectors into finance events: what happened becomes facts for rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from tandem.connector.v1 import events_pb2 as connector
from tandem.order.v1 import events_pb2 as order
from tandem.order.v1 import order_pb2
from tandem.order.v1.order_draft_pb2 import OrderDraftLine, TaxLine

from tandem_finance_posting.domain.errors import (
    FinanceFactInvalid,
    PayloadUnreadable,
    UnsupportedEnum,
)
from tandem_finance_posting.domain.finance_event import FinanceEvent

EntityOf = Callable[[str], str]


@dataclass(frozen=True)
class SourceEvent:
    """An event of another service as it was delivered."""

    event_id: str
    event_type: str
    source: str
    tenant: str
    occurred_at: datetime
    payload: bytes
    trace_headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Content:
    """What a mapping takes from the message."""

    type: str
    channel: str
    original_date: date
    currency_code: str
    facts: dict[str, Any]
    order_id: str = ""


def from_source(event: SourceEvent, entity_of: EntityOf) -> FinanceEvent | None:
    """The finance event, or None when the event has no financial consequence.

    Raises PayloadUnreadable, UnsupportedEnum, FinanceFactInvalid.
    """
    known = _MAPPINGS.get(event.event_type)
    if known is None:
        return None
    message_type, mapping = known
    try:
        message = message_type.FromString(event.payload)
    except DecodeError as error:
        raise PayloadUnreadable(event.event_type) from error
    content = mapping(message, event)
    if content is None:
        return None
    _check(content)
    return FinanceEvent(
        tenant=event.tenant,
        source_system=event.source,
        type=content.type,
        id=event.event_id,
        legal_entity=entity_of(content.channel),
        original_date=content.original_date,
        currency_code=content.currency_code,
        facts=content.facts,
        order_id=content.order_id,
        source_event_id=event.event_id,
        trace_headers=event.trace_headers,
    )


def _check(content: _Content) -> None:
    """What every finance event needs, before it costs a wrong journal or an endless retry."""
    if not content.currency_code:
        raise FinanceFactInvalid("currency_code", content.type)


def _day(stamp: Timestamp) -> date:
    try:
        return stamp.ToDatetime(tzinfo=UTC).date()
    except (ValueError, OverflowError):
        raise FinanceFactInvalid(f"time of {stamp.seconds} seconds") from None


def _captured(message: order.PaymentCaptured, _: SourceEvent) -> _Content:
    return _Content(
        type="payment.captured",
        channel=message.channel,
        original_date=_day(message.capture_time),
        currency_code=message.amount.currency_code,
        facts={
            "amount": message.amount.minor_units,
            "channel": message.channel,
            "provider_ref": message.provider_ref,
        },
        order_id=message.order_id,
    )


def _shipped(message: order.FulfilmentShipped, _: SourceEvent) -> _Content:
    taxes = [tax for line in message.lines for tax in line.taxes] + list(message.shipping_taxes)
    return _Content(
        type="shipment.confirmed",
        channel=message.channel,
        original_date=_day(message.ship_time),
        currency_code=message.shipping_amount.currency_code,
        facts={
            "channel": message.channel,
            "ship": message.shipping_amount.minor_units,
            "lines": [_line_facts(line, message.channel) for line in message.lines],
            "taxes": list(_tax_facts(taxes)),
        },
        order_id=message.order_id,
    )


def _line_facts(line: order.ShippedLine | OrderDraftLine, channel: str) -> dict[str, Any]:
    return {
        "line_ref": line.line_ref,
        "quantity": line.quantity,
        "list": line.list_amount.minor_units,
        "discount": line.discount_amount.minor_units,
        "funded": line.funded_discount_amount.minor_units,
        "sku": line.sku,
        "channel": channel,
    }


def _tax_facts(taxes: Iterable[TaxLine]) -> Iterable[dict[str, Any]]:
    """Taxes the seller owes; a marketplace remits its own and they never reach our books."""
    for tax in taxes:
        if tax.collector == TaxLine.COLLECTOR_SELLER:
            yield {"amount": tax.amount.minor_units, "jurisdiction": tax.jurisdiction}
        elif tax.collector != TaxLine.COLLECTOR_MARKETPLACE:
            raise UnsupportedEnum("collector", tax.collector)


_TENDERS = {
    order.SaleTender.TYPE_CASH: "cash",
    order.SaleTender.TYPE_CARD: "card",
    order.SaleTender.TYPE_GIFT_CARD: "gift_card",
}


def _sale(message: order.SaleCompleted, _: SourceEvent) -> _Content:
    sale = message.sale
    tenders = dict.fromkeys(_TENDERS.values(), 0)
    for tender in message.tenders:
        if tender.type not in _TENDERS:
            raise UnsupportedEnum("tenders.type", tender.type)
        tenders[_TENDERS[tender.type]] += tender.amount.minor_units
    store = {"store": message.location, "register": message.register}
    return _Content(
        type="pos.sale",
        channel=sale.channel,
        original_date=_business_date(message),
        currency_code=sale.currency_code,
        facts={
            **store,
            "channel": sale.channel,
            **tenders,
            "lines": [{**_line_facts(line, sale.channel), **store} for line in sale.lines],
            "taxes": list(_tax_facts(tax for line in sale.lines for tax in line.taxes)),
        },
        order_id=message.order_id,
    )


def _business_date(message: order.SaleCompleted) -> date:
    try:
        return date.fromisoformat(message.business_date)
    except ValueError:
        raise FinanceFactInvalid("business_date", "pos.sale") from None


def _cancelled(message: order.OrderCancelled, event: SourceEvent) -> _Content | None:
    if not message.refund_amount.minor_units:
        return None
    return _Content(
        type="order.cancelled",
        channel="",
        original_date=event.occurred_at.date(),
        currency_code=message.refund_amount.currency_code,
        facts={"amount": message.refund_amount.minor_units},
        order_id=message.order_id,
    )


_DISPOSITIONS = {
    order_pb2.RETURN_DISPOSITION_RESTOCK: "RESTOCK",
    order_pb2.RETURN_DISPOSITION_SCRAP: "SCRAP",
    order_pb2.RETURN_DISPOSITION_QUARANTINE: "QUARANTINE",
    order_pb2.RETURN_DISPOSITION_KEEP: "KEEP",
}


def _returned(message: order.ReturnApproved, _: SourceEvent) -> _Content:
    approved = message.approved_return
    if len(approved.lines) != len(message.skus):
        raise FinanceFactInvalid("skus", "refund.approved")
    lines = list(zip(approved.lines, message.skus, strict=True))
    return _Content(
        type="refund.approved",
        channel=message.channel,
        original_date=_day(approved.approve_time),
        currency_code=approved.refund_amount.currency_code,
        facts={
            "channel": message.channel,
            "ship": approved.shipping_amount.minor_units,
            "ship_tax": approved.shipping_tax_amount.minor_units,
            "lines": [
                {
                    "net": line.net_amount.minor_units,
                    "tax": line.tax_amount.minor_units,
                    "sku": sku,
                    "line_ref": line.line_ref,
                }
                for line, sku in lines
            ],
            "goods": list(_goods(lines)),
        },
        order_id=message.order_id,
    )


def _goods(lines: Iterable[tuple[order_pb2.ReturnLine, str]]) -> Iterable[dict[str, Any]]:
    """What came back; a customer who keeps the goods moves none."""
    for line, sku in lines:
        if line.disposition not in _DISPOSITIONS:
            raise UnsupportedEnum("disposition", line.disposition)
        disposition = _DISPOSITIONS[line.disposition]
        if disposition != "KEEP":
            yield {
                "line_ref": line.line_ref,
                "sku": sku,
                "quantity": line.quantity,
                "disposition": disposition,
            }


def _refunded(message: order.RefundSettled, _: SourceEvent) -> _Content:
    return _Content(
        type="refund.settled",
        channel=message.channel,
        original_date=_day(message.settle_time),
        currency_code=message.amount.currency_code,
        facts={
            "amount": message.amount.minor_units,
            "channel": message.channel,
            "provider_ref": message.provider_ref,
        },
        order_id=message.order_id,
    )


def _received(message: connector.GoodsReceived, _: SourceEvent) -> _Content:
    currencies = {line.cost_amount.currency_code for line in message.lines}
    if len(currencies) != 1:
        raise FinanceFactInvalid("lines.cost_amount.currency_code", "po.received")
    return _Content(
        type="po.received",
        channel="",
        original_date=_day(message.receive_time),
        currency_code=currencies.pop(),
        facts={
            "receipts": [
                {
                    "cost": line.cost_amount.minor_units,
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "receipt_ref": message.receipt_ref,
                    "vendor": message.vendor,
                    "purchase_order": message.purchase_order,
                }
                for line in message.lines
            ]
        },
    )


_Mapping = tuple[type[Message], Callable[[Any, SourceEvent], _Content | None]]
_MAPPINGS: Mapping[str, _Mapping] = {
    message.DESCRIPTOR.full_name: (message, mapping)
    for message, mapping in (
        (order.PaymentCaptured, _captured),
        (order.FulfilmentShipped, _shipped),
        (order.SaleCompleted, _sale),
        (order.OrderCancelled, _cancelled),
        (order.ReturnApproved, _returned),
        (order.RefundSettled, _refunded),
        (connector.GoodsReceived, _received),
    )
}
