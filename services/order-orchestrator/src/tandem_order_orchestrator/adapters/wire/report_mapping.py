"""Canonical facts of the connectors into what the order service does with them."""

from __future__ import annotations

from tandem.connector.v1 import events_pb2 as facts

from tandem_order_orchestrator.adapters.wire.draft_mapping import from_draft
from tandem_order_orchestrator.adapters.wire.enum_mapping import (
    UnsupportedEnum,
    checked_enum,
    from_enum,
)
from tandem_order_orchestrator.adapters.wire.money_mapping import from_money, from_ref, from_time
from tandem_order_orchestrator.domain.order_parts import Tender
from tandem_order_orchestrator.domain.order_payment import PaymentAnswer
from tandem_order_orchestrator.domain.order_return import ReturnRequest, ReturnRequestLine
from tandem_order_orchestrator.domain.order_shipment import ShipmentConfirmation
from tandem_order_orchestrator.domain.order_state import Disposition, PaymentAction, TenderType
from tandem_order_orchestrator.domain.store_sale import StoreSale

_RESTOCK = facts.RefundReportedLine
_DISPOSITIONS = {
    _RESTOCK.RESTOCK_NONE: Disposition.KEEP,
    _RESTOCK.RESTOCK_RETURN: Disposition.RESTOCK,
}


def from_sale(fact: facts.SaleReported) -> StoreSale:
    """A receipt of a store."""
    currency = fact.sale.currency_code
    return StoreSale(
        draft=from_draft(fact.sale),
        location=fact.location,
        register=fact.register,
        sequence=fact.sequence,
        business_date=fact.business_date,
        tenders=tuple(
            Tender(from_enum(t, "type", TenderType, "TYPE_"), from_money(t.amount, currency))
            for t in fact.tenders
        ),
    )


def from_shipment(fact: facts.ShipmentReported) -> ShipmentConfirmation:
    """A shipment of a warehouse; it knows SKUs, not order lines."""
    by_sku: dict[str, int] = {}
    for line in fact.lines:
        by_sku[line.sku] = by_sku.get(line.sku, 0) + line.quantity
    return ShipmentConfirmation(
        location=fact.location,
        shipment_ref=fact.shipment_ref,
        shipped_at=from_time(fact.ship_time),
        by_sku=by_sku,
        tracking_number=fact.tracking_number,
    )


def cancelled_units(fact: facts.RefundReported) -> dict[str, int]:
    """What a channel cancelled, by line."""
    units: dict[str, int] = {}
    for line in fact.lines:
        units[line.line_ref] = units.get(line.line_ref, 0) + line.quantity
    return units


def is_cancellation(fact: facts.RefundReported) -> bool:
    """True when all its lines were never shipped: the channel cancelled them."""
    return bool(fact.lines) and all(line.restock == _RESTOCK.RESTOCK_CANCEL for line in fact.lines)


def from_refund(fact: facts.RefundReported, currency: str) -> ReturnRequest:
    """A refund of a channel. Raises UnsupportedEnum when a line says nothing of its goods."""
    return ReturnRequest(
        external_ref=from_ref(fact.refund_ref),
        lines=tuple(_refund_line(line, currency) for line in fact.lines),
        shipping_amount=from_money(fact.shipping_amount, currency),
        shipping_tax_amount=from_money(fact.shipping_tax_amount, currency),
    )


def _refund_line(line: facts.RefundReportedLine, currency: str) -> ReturnRequestLine:
    if line.restock not in _DISPOSITIONS:
        # Lines cancelled and lines returned in one refund are two steps; nothing is guessed.
        raise UnsupportedEnum("lines.restock", line.restock)
    return ReturnRequestLine(
        line_ref=line.line_ref,
        quantity=line.quantity,
        disposition=_DISPOSITIONS[line.restock],
        net_amount=from_money(line.net_amount, currency),
        tax_amount=from_money(line.tax_amount, currency),
        location=line.location,
    )


def from_payment(fact: facts.PaymentCompleted) -> PaymentAnswer:
    """An answer of the payment provider. Raises UnsupportedEnum."""
    outcome = checked_enum(fact, "outcome")
    return PaymentAnswer(
        command_id=fact.command_id,
        action=from_enum(fact, "action", PaymentAction, "PAYMENT_ACTION_"),
        succeeded=outcome == facts.PAYMENT_OUTCOME_SUCCEEDED,
        amount=fact.amount.minor_units,
        provider_ref=fact.provider_ref,
        decline_reason=fact.decline_reason,
        completed_at=from_time(fact.complete_time),
        currency_code=fact.amount.currency_code,
    )
